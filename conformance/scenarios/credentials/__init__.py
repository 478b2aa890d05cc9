"""What reaches upstreams: shared headers, each user's own token, the caller's JWT, and headers of a request."""
