"""MCP servers for functional tests."""
