"""MCP of a lean upstream, independent of sockets."""
