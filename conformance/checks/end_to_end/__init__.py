"""Checks of whole clients and of claimed features."""
