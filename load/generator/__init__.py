"""The load generator: locust as a library, in a process of its own (`python -m load.generator PLAN OUT`).

Importing it imports gevent, and locust patches the standard library; nothing outside of that process does so.
"""
