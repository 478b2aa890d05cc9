"""The lean far end: the tools of `mock_upstreams.tools` on a server that costs microseconds, for load (issue 5)."""
