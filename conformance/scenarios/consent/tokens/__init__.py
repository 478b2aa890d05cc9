"""Upstream tokens: answers of token endpoints, refreshes and renewals."""
