"""Runs of faults: of selected scenarios, and whole ones."""
