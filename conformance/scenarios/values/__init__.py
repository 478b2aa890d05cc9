"""Scenarios of values and framings, and of tool lists as published servers have them."""
