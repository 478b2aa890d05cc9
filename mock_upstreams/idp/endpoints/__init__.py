"""Endpoints of an issuer."""
