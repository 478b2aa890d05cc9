"""Tests of the checks of failures."""
