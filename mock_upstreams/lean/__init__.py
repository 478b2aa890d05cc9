"""A fast MCP upstream for load tests, with the tools of `mcp.fastmcp_tools`: some microseconds per request."""
