"""The uncertainty budget: what widens an interval, largest first, and what would shrink it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.analysis.uncertainty.budget import LINES, budget, largest, words
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    exact,
    normal,
    rectangular,
    student,
)
from energybench.model import Effect, Estimate


def gains(n: int, u: float = 10.0) -> list[Effect]:
    return [normal(f"gpu.board GPU-{i}: gain", u, f"gain:GPU-{i}") for i in range(n)]


def test_boards_of_one_kind_share_a_line() -> None:
    """Four boards' gains are one instruction, their contributions added in squares; one board keeps
    its name and key.
    """
    (line,) = budget(combine(1000.0, gains(4)))
    assert (line.effect, line.devices, line.key) == ("gpu.board …: gain", 4, None)
    assert line.u == pytest.approx(20.0)
    assert line.u_rel == pytest.approx(0.02)
    (alone,) = budget(combine(1000.0, gains(1)))
    assert (alone.effect, alone.devices, alone.key) == ("gpu.board GPU-0: gain", 1, "gain:GPU-0")


def test_the_halves_of_a_memory_model_are_one_line() -> None:
    """Hardware and load of one model go with one remedy."""
    (line,) = budget(
        combine(
            500.0,
            [
                rectangular("cpu.dram n: model, hardware", 9.0, "memory:n"),
                rectangular("cpu.dram n: model, load", 9.0),
            ],
        )
    )
    assert line.effect == "cpu.dram n: model"
    assert "node meter" in line.remedy


def test_the_first_line_shrinks_the_interval_most() -> None:
    """Order is by what is left without the effect: few repeats outrank a gain with the larger u,
    for Student's t is wide.
    """
    lines = budget(combine(1000.0, [student("run-to-run scatter", 9.0, 1.0), *gains(1)]))
    assert [line.effect for line in lines] == ["run-to-run scatter", "gpu.board GPU-0: gain"]
    assert [line.half_width_without for line in lines] == sorted(
        line.half_width_without for line in lines
    )
    assert lines[0].half_width_without == pytest.approx(1.96 * 10.0, rel=0.03)


def test_a_bound_has_no_share() -> None:
    """A bound is no probability: it has no share of the variance, and the shares of the others add
    up to one.
    """
    lines = budget(
        combine(
            1000.0,
            [bound("network: missing", 50.0), student("run-to-run scatter", 5.0, 7.0), *gains(2)],
        )
    )
    shares = {line.effect: line.share for line in lines}
    assert shares.pop("network: missing") is None
    assert sum(share for share in shares.values() if share is not None) == pytest.approx(1.0)


def test_the_repeats_that_are_asked_for_do_halve_the_scatter() -> None:
    """`--repeats N` is the smallest number whose Student interval is half as wide, by the scatter
    alone.
    """
    from energybench.analysis.uncertainty.repeats import student_quantile

    for n, asked in ((2, 3), (8, 25)):
        (line,) = budget(combine(100.0, [student("run-to-run scatter", 1.0, n - 1)]))
        assert f"--repeats {asked}`" in line.remedy
        half = student_quantile(n - 1) / n**0.5 / 2
        assert student_quantile(asked - 1) / asked**0.5 <= half
        assert asked == n + 1 or student_quantile(asked - 2) / (asked - 1) ** 0.5 > half


def test_a_ratio_asks_for_repeats_of_a_side() -> None:
    """Welch's degrees of freedom are no number of repeats."""
    (line,) = budget(combine(5.0, [student("run-to-run scatter", 0.1, 9.3)]), ratio=True)
    assert "of the side that scatters more" in line.remedy


@pytest.mark.parametrize(
    ("name", "key", "word"),
    [
        ("gpu.board GPU-0: gain", "gain:GPU-0", "calibrate --against"),
        ("cpu.package package-all: gain", "gain:tdp-model:EPYC", "energybench doctor"),
        ("gpu.board GPU-0: window edges", None, "longer repeats"),
        ("gpu.board GPU-0: power between its samples", None, "staggered"),
        ("node n: resolution", None, "longer repeats"),
        ("gpu.board GPU-0: no reading", None, "energybench doctor"),
        ("gpu.board GPU-0: lag", "lag:GPU-0", "energybench calibrate"),
        ("idle power: drift between its phases", None, "--idle"),
        ("start and end of the work", None, "longer repeats"),
    ],
)
def test_each_kind_of_effect_has_its_remedy(name: str, key: str | None, word: str) -> None:
    """Every effect that a measurement can carry says what a person can do about it."""
    (line,) = budget(combine(100.0, [normal(name, 1.0, key)]))
    assert word in line.remedy


def test_small_effects_are_summed_up() -> None:
    """At most so many lines, and what is left over stands in one more, so that nothing is hidden."""
    many = [normal(f"part{i} d: gain", 100.0 / (i + 1), f"k{i}") for i in range(20)]
    lines = budget(combine(1e4, many))
    assert len(lines) == LINES + 1
    assert lines[-1].effect == f"{20 - LINES} smaller effects"
    assert sum(line.share or 0.0 for line in lines) == pytest.approx(1.0)


def test_nothing_to_shrink() -> None:
    """An exact number has no budget; a single effect leaves nothing behind."""
    assert budget(exact(3.0)) == ()
    assert largest(exact(3.0)) is None
    (line,) = budget(combine(0.0, [normal("a", 1.0)]))
    assert (line.u_rel, line.half_width_without) == (None, 0.0)


def test_the_line_for_a_terminal() -> None:
    """Which effect, how many devices, how much, what the interval would be, what to do."""
    estimate = combine(1000.0, [*gains(4), student("run-to-run scatter", 2.0, 7.0)])
    first = largest(estimate)
    assert first is not None
    said = words(first, estimate, "J")
    assert said.startswith(
        "gpu.board …: gain (4 together), 99 % of the variance; without it ±0.47 % instead of ±3.9 "
        "% → calibrate against a meter"
    )


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(-50, 50), st.booleans()), max_size=12))
def test_no_line_makes_the_interval_wider(made: list[tuple[str, float, bool]]) -> None:
    """Without an effect an interval is never wider than with it, whatever the effects and their
    signs.
    """
    effects = [
        bound(f"{c} d: missing", u) if is_bound else normal(f"{c} d: gain", u, f"{c}{i}")
        for i, (c, u, is_bound) in enumerate(made)
    ]
    estimate: Estimate = combine(100.0, effects)
    for line in budget(estimate, 4):
        assert 0.0 <= line.half_width_without <= estimate.half_width
