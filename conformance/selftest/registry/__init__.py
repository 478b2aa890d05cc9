"""Tests of the registry and of the selection of scenarios."""
