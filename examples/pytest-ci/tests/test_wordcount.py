"""Times and energies of the word count. Every test passes without --benchmark-energy, too."""

import pytest
import wordcount

TEXT = "the quick brown fox jumps over the lazy dog and the cat " * 2000


def test_count(benchmark):
    """A test for pytest-benchmark as it was before: energy needs no change to it."""
    words = benchmark(wordcount.count, TEXT)
    assert words["the"] == 6000


@pytest.mark.energy(max_j=20, max_regression="10%")
def test_most_common(benchmark):
    """Limits of this test: joules of a call, and a threshold of its own."""
    assert benchmark(wordcount.most_common, TEXT, 1) == [("the", 6000)]


def test_more_text_costs_more(energy_benchmark):
    """Two uses in one test, and the ratio of their energies; None without --benchmark-energy."""
    once, eight = energy_benchmark.use("once"), energy_benchmark.use("eight times")
    once(wordcount.count, TEXT)
    eight(wordcount.count, TEXT * 8)
    ratio = energy_benchmark.ratio(eight, once)
    assert ratio is None or ratio.high > 2
