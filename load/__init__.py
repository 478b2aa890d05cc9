"""Load testing of MCP gateways: profiles, generator, experiments, analysis."""
