"""Runs against gateways that do nothing or leak."""
