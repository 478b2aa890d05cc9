"""Streams, requests of servers to clients, and calls that need input."""
