"""The pytest plugin of the conformance suites."""
