"""Behaviour of correct gateways that no check may report."""
