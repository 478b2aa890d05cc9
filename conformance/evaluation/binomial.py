"""Exact one-sided binomial tests: how likely is a number of failures, or a more extreme one, at a declared rate."""

from math import comb


def exactly(failures: int, plays: int, rate: float) -> float:
    """Return the probability of exactly so many failures in independent plays that each fail with `rate`."""
    return comb(plays, failures) * rate**failures * (1 - rate) ** (plays - failures)


def at_least(failures: int, plays: int, rate: float) -> float:
    """Return the probability of so many failures or more: small if the declared rate is too low."""
    return min(1.0, sum(exactly(number, plays, rate) for number in range(failures, plays + 1)))


def at_most(failures: int, plays: int, rate: float) -> float:
    """Return the probability of so many failures or fewer: small if the declared rate is too high."""
    return min(1.0, sum(exactly(number, plays, rate) for number in range(failures + 1)))
