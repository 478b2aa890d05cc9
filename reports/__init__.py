"""Reports of conformance runs and load measurements."""
