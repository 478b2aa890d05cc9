"""HTTP of clients and of upstreams: framing, connections, header fields, addresses and redirects."""
