"""HTTP/1.1 of a lean upstream."""
