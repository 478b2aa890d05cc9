"""Shapes about requests: of clients, and those that reach an upstream."""
