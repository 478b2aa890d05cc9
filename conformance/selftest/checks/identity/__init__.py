"""Tests of the checks of callers."""
