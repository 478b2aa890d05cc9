"""Command lines of `python -m mock_upstreams`, one module for each program."""
