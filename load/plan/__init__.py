"""Load plans and schedules."""
