"""The official MCP conformance suite, run against our upstream `everything` directly and through a gateway."""
