"""Dry runs of the scenarios: what each of them records, without a world and without a gateway."""
