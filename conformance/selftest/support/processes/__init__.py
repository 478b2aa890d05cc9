"""Gateways and runs in processes of their own."""
