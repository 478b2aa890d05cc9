"""MCP through the gateway: sessions, virtual servers, fidelity, and the forms of failures."""
