"""Findings of a run, their causes, and the commands that reproduce them."""
