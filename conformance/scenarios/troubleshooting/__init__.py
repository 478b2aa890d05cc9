"""Failures behind the gateway, and addresses and tools that do not exist."""
