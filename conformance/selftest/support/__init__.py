"""Support code of the tests of checks."""
