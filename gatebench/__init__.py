"""Conformance and load bench for MCP gateways."""
