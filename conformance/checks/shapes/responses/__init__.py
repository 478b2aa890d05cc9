"""Shapes about responses: admission, refusals, and what a response holds."""
