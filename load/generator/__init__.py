"""The load generator: locust as a library, in its own process (`python -m gatebench.load.generator PLAN OUT`).

Locust patches the standard library for gevent, so no other process may import modules that import locust. These modules import
neither locust nor gevent and may be used anywhere: process, all of recording, execution.response_check,
client.request_templates, client.response_head, client.sse.
"""
