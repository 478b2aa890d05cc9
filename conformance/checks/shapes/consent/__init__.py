"""Shapes about consent, grants and whose credential is used."""
