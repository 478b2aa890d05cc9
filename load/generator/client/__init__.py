"""The HTTP client of the generator, on gevent."""
