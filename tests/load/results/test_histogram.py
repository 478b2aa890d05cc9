"""Histograms are equal to those of HdrHistogram in each bucket."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from gatebench.load.results.histogram import DIGITS, HIGHEST, LOWEST, LOWS, SIZE, Histogram, indices

VALUES = np.unique(np.concatenate([np.arange(1, 5000), np.geomspace(1, HIGHEST, 20_000).astype(int)]))


def test_layout_equals_that_of_hdrhistogram() -> None:
    theirs = HdrHistogram(LOWEST, HIGHEST, DIGITS)
    assert indices(VALUES).tolist() == [theirs._counts_index_for(int(value)) for value in VALUES]
    assert [int(LOWS[i]) for i in indices(VALUES)] == [theirs.get_lowest_equivalent_value(int(v)) for v in VALUES]


def test_quantiles_equal_those_of_hdrhistogram() -> None:
    theirs, ours = HdrHistogram(LOWEST, HIGHEST, DIGITS), Histogram()
    values = np.random.default_rng(1).lognormal(8, 2, 5000).astype(int)
    ours.record(values)
    for value in values:
        theirs.record_value(int(max(1, value)))
    for percent in (0, 1, 50, 90, 99, 99.9, 100):
        assert ours.quantile(percent / 100) == theirs.get_value_at_percentile(percent)
    assert ours.count == 5000
    assert ours.mean == pytest.approx(values.mean(), rel=1e-3)


def test_encoded_histogram_is_decoded_exactly() -> None:
    ours = Histogram()
    ours.record(VALUES)
    assert (Histogram.decode(ours.encode()).counts == ours.counts).all()
    assert HdrHistogram.decode(ours.encode()).get_total_count() == len(VALUES)


def test_merged_histogram_equals_the_whole() -> None:
    parts = [Histogram() for _ in range(3)]
    for part, values in zip(parts, np.array_split(VALUES, 3), strict=True):
        part.record(values)
    whole = Histogram()
    whole.record(VALUES)
    assert (Histogram.sum(parts).counts == whole.counts).all()


def test_values_out_of_range_are_counted_at_the_ends() -> None:
    ours = Histogram()
    ours.record([0, -5, 10 * HIGHEST])
    assert ours.count == 3
    assert ours.counts[1] == 2
    assert ours.maximum >= HIGHEST
    assert len(ours.counts) == SIZE


def test_empty_histogram_has_no_quantiles() -> None:
    assert np.isnan(Histogram().quantile(0.5))
    assert np.isnan(Histogram().mean)
    assert Histogram.decode(Histogram().encode()).count == 0


def test_invalid_histogram_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not an HdrHistogram"):
        Histogram.decode("invalid")
    with pytest.raises(ValueError, match="another range"):
        Histogram.decode(HdrHistogram(1, 1000, 2).encode().decode())


def test_histogram_of_the_library_is_read() -> None:
    theirs, ours = HdrHistogram(LOWEST, HIGHEST, DIGITS), Histogram()
    for value in VALUES[::37]:
        theirs.record_value(int(value), 3)
        ours.record([value] * 3)
    read = Histogram.decode(theirs.encode().decode())
    assert (read.counts == ours.counts).all()
    back = HdrHistogram.decode(ours.encode())
    assert back.get_total_count() == theirs.get_total_count()
    for percent in (1, 50, 99, 100):
        assert back.get_value_at_percentile(percent) == theirs.get_value_at_percentile(percent)
