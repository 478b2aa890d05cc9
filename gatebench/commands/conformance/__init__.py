"""Commands about finished runs and recordings: reports, comparisons, publications; and the official suite."""
