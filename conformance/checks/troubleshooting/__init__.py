"""Checks of failures behind the gateway, and of unknown addresses and tools."""
