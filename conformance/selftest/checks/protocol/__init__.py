"""Tests of the checks of MCP through the gateway."""
