"""Tests of the checks of whole clients."""
