"""Recording of requests: samples, aggregates, events, checkpoints, result files. Imports neither locust nor gevent."""
