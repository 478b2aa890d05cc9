"""Tests of the checks of consent."""
