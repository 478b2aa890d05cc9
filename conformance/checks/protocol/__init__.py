"""Checks of MCP through the gateway: endpoints, sessions, fidelity, forms of failures."""
