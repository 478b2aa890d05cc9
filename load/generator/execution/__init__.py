"""Execution of a plan in one process: its operations, their schedule, and the check of responses."""
