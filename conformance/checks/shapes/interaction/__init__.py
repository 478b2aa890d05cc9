"""Shapes about servers that talk to their clients during a call, and about event streams."""
