"""The checks: pure functions of a transcript, one module for each file of the registry, named as in its `check` keys."""
