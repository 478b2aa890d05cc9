"""Load profiles for the proxying hot path (locust). Not built yet."""
