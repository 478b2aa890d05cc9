"""The load generator: locust as a library, in a process of its own (`python -m load.generator PLAN OUT`).

Locust patches the standard library for gevent, so nothing outside of that process may import what imports locust. Some modules
here are free of both and may be used anywhere: prepared, answers, records, totals, heads, streams, events, health,
finish, kept.
"""
