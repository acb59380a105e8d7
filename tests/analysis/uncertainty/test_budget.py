"""The uncertainty budget: what widens an interval, largest first, and what would shrink it."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.analysis.uncertainty.budget import LINES, budget, largest, words
from energybench.analysis.uncertainty.effect_kinds import KINDS, Place, remedy
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    exact,
    normal,
    rectangular,
    student,
)
from energybench.model import Effect, EffectKind, Estimate, SensorSort

MEMORY = Place("cpu.dram", "n", "model")


def gains(n: int, u: float = 10.0) -> list[Effect]:
    return [
        normal("gain", u, Place("gpu.board", f"GPU-{i}", "counter"), key=f"gain:GPU-{i}")
        for i in range(n)
    ]


def test_boards_of_one_kind_share_a_line() -> None:
    """Four boards' gains are one instruction, their contributions added in squares; one board keeps
    its name and key.
    """
    (line,) = budget(combine(1000.0, gains(4)))
    assert (line.effect, line.devices, line.key) == ("gpu.board …: gain", 4, None)
    assert line.u == pytest.approx(20.0)
    assert line.u_rel == pytest.approx(0.02)
    (alone,) = budget(combine(1000.0, gains(1)))
    assert (alone.effect, alone.devices, alone.key) == ("gpu.board: gain", 1, "gain:GPU-0")


def test_the_halves_of_a_memory_model_are_one_line() -> None:
    """Hardware and load of one model go with one remedy."""
    (line,) = budget(
        combine(
            500.0,
            [
                rectangular("model", 9.0, MEMORY, key="memory:n", detail="hardware"),
                rectangular("model", 9.0, MEMORY, detail="load"),
            ],
        )
    )
    assert line.effect == "cpu.dram: model"
    assert "node meter" in line.remedy


def test_the_first_line_shrinks_the_interval_most() -> None:
    """Order is by what is left without the effect: few repeats outrank a gain with the larger u,
    for Student's t is wide.
    """
    lines = budget(combine(1000.0, [student(9.0, 1.0), *gains(1)]))
    assert [line.effect for line in lines] == ["run-to-run scatter", "gpu.board: gain"]
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
            [bound("missing", 50.0, Place("network")), student(5.0, 7.0), *gains(2)],
        )
    )
    shares = {line.effect: line.share for line in lines}
    assert shares.pop("network: missing") is None
    assert sum(share for share in shares.values() if share is not None) == pytest.approx(1.0)


@pytest.mark.parametrize("repeats", [2, 3, 4, 5, 6, 7, 8, 9, 30])
@pytest.mark.parametrize("scatter", [0.02, 0.2, 0.5, 1.0, 2.0, 10.0])
def test_a_share_never_contradicts_the_half_widths(repeats: int, scatter: float) -> None:
    """Few repeats make the interval of their scatter much wider than its u: a line that has a share
    of the variance shrinks the interval by as much, and the sentence of another line has no share.
    """
    estimate = combine(1000.0, [*gains(2), student(10.0 * scatter, repeats - 1.0)])
    lines = budget(estimate)
    assert len({line.share is None for line in lines}) == 1
    if repeats >= 8:
        assert lines[0].share is not None
    for line in lines:
        assert ("of the variance" in words(line, estimate)) == (line.share is not None)
        assert "without it" in words(line, estimate) or "with and without it" in words(
            line, estimate
        )
        if line.share is not None:
            gone = 1 - (line.half_width_without / estimate.half_width) ** 2
            assert gone == pytest.approx(line.share, abs=0.12)


def test_the_scatter_of_two_repeats_has_no_share() -> None:
    """It is a twentieth of the variance and most of the interval."""
    estimate = combine(1000.0, [normal("gain", 30.0), student(7.0, 1.0)])
    first = largest(estimate)
    assert first is not None
    assert first.effect == "run-to-run scatter"
    assert first.share is None
    assert re.fullmatch(
        r"run-to-run scatter; without it ±5\.9 % instead of ±\d+ % → more repeats: .*",
        words(first, estimate),
    )


def test_the_repeats_that_are_asked_for_do_halve_the_scatter() -> None:
    """`--repeats N` is the smallest number whose Student interval is half as wide, by the scatter
    alone.
    """
    from energybench.analysis.uncertainty.coverage_factors import student_quantile

    for n, asked in ((2, 3), (8, 25)):
        (line,) = budget(combine(100.0, [student(1.0, n - 1)]))
        assert f"--repeats {asked}`" in line.remedy
        half = student_quantile(n - 1) / n**0.5 / 2
        assert student_quantile(asked - 1) / asked**0.5 <= half
        assert asked == n + 1 or student_quantile(asked - 2) / (asked - 1) ** 0.5 > half


def test_a_ratio_asks_for_repeats_of_a_side() -> None:
    """Welch's degrees of freedom are no number of repeats."""
    (line,) = budget(combine(5.0, [student(0.1, 9.3)]), ratio=True)
    assert "of the side that scatters more" in line.remedy


@pytest.mark.parametrize(
    ("kind", "sensor", "word"),
    [
        ("gain", "counter", "calibrate --against"),
        ("limit-of-error", "meter", "a more accurate meter"),
        ("assumed-power", "model", "energybench doctor"),
        ("window-edges", "counter", "longer repeats"),
        ("window-edges", "meter", "logs more often"),
        ("window-edges", "model", "longer repeats (more work in each, or `run --min-window`)"),
        ("unseen", "model", "open a sensor of the CPU"),
        ("lag", "model", "open a sensor of the CPU"),
        ("no-reading", "model", "open a sensor of the CPU"),
        ("sensor-lost", "model", "open a sensor of the CPU"),
        ("unseen", "power", "staggered"),
        ("resolution", "counter", "longer repeats"),
        ("no-reading", "counter", "energybench doctor"),
        ("no-reading", "meter", "covers the whole run"),
        ("lag", "power", "energybench calibrate"),
        ("clock-offset", "meter", "--idle"),
        ("idle-drift", None, "--idle"),
        ("time-edges", None, "longer repeats"),
    ],
)
def test_each_kind_of_effect_has_its_remedy(
    kind: EffectKind, sensor: SensorSort | None, word: str
) -> None:
    """Every effect that a measurement can carry names a remedy for its sort of sensor."""
    (line,) = budget(combine(100.0, [normal(kind, 1.0, Place("node", "n", sensor))]))
    assert word in line.remedy


def test_every_kind_of_effect_is_described() -> None:
    """The table of kinds holds every kind; effects of a measurement's windows have a remedy."""
    assert set(KINDS) == set(get_args(EffectKind))
    without = {"scatter", "stated-range", "load-followers", "parts-without-sensor"}
    assert {kind for kind in KINDS if not remedy(kind, None)} == without


def test_small_effects_are_summed_up() -> None:
    """At most LINES lines, and one more line for all smaller effects, so that none is hidden."""
    many = [normal("gain", 100.0 / (i + 1), Place(f"part{i}", "d"), key=f"k{i}") for i in range(20)]
    lines = budget(combine(1e4, many))
    assert len(lines) == LINES + 1
    assert lines[-1].effect == f"{20 - LINES} smaller effects"
    assert sum(line.share or 0.0 for line in lines) == pytest.approx(1.0)


def test_nothing_to_shrink() -> None:
    """An exact number has no budget; a single effect leaves nothing behind."""
    assert budget(exact(3.0)) == ()
    assert largest(exact(3.0)) is None
    (line,) = budget(combine(0.0, [normal("stated-range", 1.0, detail="a")]))
    assert (line.u_rel, line.half_width_without) == (None, 0.0)


def test_the_line_for_a_terminal() -> None:
    """Which effect, how many devices, how much, what the interval would be, what to do."""
    estimate = combine(1000.0, [*gains(4), student(2.0, 7.0)])
    first = largest(estimate)
    assert first is not None
    said = words(first, estimate, "J")
    assert said.startswith(
        "gpu.board …: gain (4 together), 99 % of the variance; without it ±0.47 % instead of ±3.9 "
        "% → calibrate against a meter"
    )


def test_a_line_says_if_nothing_changes_without_it() -> None:
    """Beside a larger effect: no "±3.9 % instead of ±3.9 %"."""
    estimate = combine(1000.0, [*gains(4), student(1e-3, 7.0)])
    (small,) = [line for line in budget(estimate) if line.distribution == "student"]
    shown = words(small, estimate, "J")
    assert "the interval is ±3.9 % with and without it" in shown
    assert "without it ±" not in shown


_MADE = st.tuples(
    st.sampled_from("abcd"),
    st.floats(-50, 50),
    st.booleans(),
    st.sampled_from(("missing", "gain")),
)


@given(st.lists(_MADE, max_size=12))
def test_no_line_makes_the_interval_wider(made: list[tuple[str, float, bool, EffectKind]]) -> None:
    """Without an effect an interval is never wider than with it, whatever the effects and their
    signs, also if a component has bounds and random effects of one kind.
    """
    effects = [
        bound(kind, u, Place(c, "d")) if is_bound else normal(kind, u, Place(c, "d"), key=f"{c}{i}")
        for i, (c, u, is_bound, kind) in enumerate(made)
    ]
    estimate: Estimate = combine(100.0, effects)
    for line in budget(estimate, 4):
        assert 0.0 <= line.half_width_without <= estimate.half_width
