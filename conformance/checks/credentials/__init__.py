"""Checks of what reaches upstreams, clients and logs."""
