"""Statuses of a check of the official suite, and their orders: plain data, for the comparison and for reports."""

BEST_FIRST = ("pass", "info", "skipped", "warn", "absent", "fail")
"""All statuses, the best first: of two results of one check, the later one here is worse."""
MOST_SEVERE_FIRST = ("fail", "absent", "warn", "pass", "skipped", "info")
"""All statuses, the most severe first: of several results, the earliest one here stands for all of them."""
