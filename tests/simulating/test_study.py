"""Studies through the real analysis: coverage of good intervals, and studies that fail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from energybench import data
from energybench.simulating.experiment import (
    FIELDS,
    ExperimentCell,
    StudySettings,
    experiments,
    weights,
)
from energybench.simulating.oracle import oracle_half_widths
from energybench.simulating.sensors import PriorMode
from energybench.simulating.study import CellFigures, figures, run, wilson


def settings(levels: Sequence[str] = ("1", "3", "8"), seed: int = 1) -> StudySettings:
    priors = {
        name: PriorMode(row.u_rel, row.distribution)
        for name, row in data.priors().items()
        if row.distribution in ("normal", "rectangular")
    }
    return StudySettings(
        tuple(levels),
        seed,
        priors,
        {name: (row.low, row.high, row.source) for name, row in data.part_ranges().items()},
    )


def study(cell: ExperimentCell, count: int, levels: Sequence[str] = ("1", "3", "8")) -> CellFigures:
    return figures(run([cell], settings(levels), count, 1, lambda text, fraction: None))


def binomial(count: int, share: float = 0.95, sigmas: float = 3.5) -> tuple[float, float]:
    """Range of an observed share in all but 1 of 2000 studies."""
    half = sigmas * math.sqrt(share * (1 - share) / count)
    return share - half, share + half


def test_a_good_cell_covers_what_it_claims() -> None:
    """A RAPL counter under a constant load: 95 % intervals contain the truth in 95 % of the
    experiments, and are as wide as the intervals of an oracle.
    """
    result = study(ExperimentCell("rapl", "constant", 5.0), 300)
    low, high = binomial(300)
    assert result.flagged < 6
    assert result.coverage is not None
    assert low <= result.coverage <= high
    assert result.ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("gain", ["wide", "biased"])
def test_a_prior_that_is_wrong_does_not_cover(gain: str) -> None:
    """A board with a gain outside the stated prior is not covered, and the study shows it."""
    result = study(ExperimentCell("a100", "constant", 10.0, gain), 200, ("1", "3"))  # type: ignore[arg-type]
    assert result.coverage_high is not None
    assert result.coverage_high < 0.9


@pytest.mark.parametrize(("window_s", "limit"), [(10.0, 0.003), (1.0, 0.03), (0.35, 0.12)])
def test_what_a_100_ms_counter_cannot_know_of_a_square_wave(window_s: float, limit: float) -> None:
    """One window, gain exact: 95 % of the errors stay within the limit that interpolating between
    ticks allows.
    """
    outcomes = experiments(
        ExperimentCell("a100", "square", window_s, "1"), settings(("1",)), 0, 600
    )
    of = {name: outcomes[:, i] for i, name in enumerate(FIELDS)}
    undisturbed = of["outage"] == 0  # an outage has larger errors
    assert np.quantile(np.abs(of["value_j"] / of["truth_j"] - 1)[undisturbed], 0.95) <= limit


def test_staggered_repeats_show_what_a_part_time_sensor_hides() -> None:
    """25 ms of every 100 under square waves: the mean of 8 windows of 10 s is within 3 % RMS of the
    expected energy, scatter included.
    """
    outcomes = experiments(
        ExperimentCell("a100-power", "square", 10.0, "1"), settings(("8",)), 0, 100
    )
    of = {name: outcomes[:, i] for i, name in enumerate(FIELDS)}
    error = (of["value_j"] / of["truth_j"] - 1)[of["outage"] == 0]
    assert np.sqrt(np.mean(error**2)) <= 0.03


def test_the_outcomes_depend_on_the_seed_alone() -> None:
    """Number of processes and of chunks do not change the outcomes; the seed does."""
    cells = [ExperimentCell("v100", "noise", 0.35), ExperimentCell("rapl", "work", 0.35)]
    alone, shared = (
        run(cells, settings(("1", "2", "stop")), 110, jobs, lambda text, fraction: None)
        for jobs in (1, 2)
    )
    for one, two in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one.outcomes, two.outcomes)
        np.testing.assert_array_equal(one.oracle_j, two.oracle_j)
    np.testing.assert_array_equal(
        alone[0].outcomes[7:9], experiments(cells[0], settings(("1", "2", "stop")), 7, 9)
    )
    assert (
        experiments(cells[0], settings(("1", "2", "stop"), seed=2), 0, 5)[:, 2]
        != alone[0].outcomes[:5, 2]
    ).all()


def test_the_stopping_rule_decides_how_often() -> None:
    """At least 8 repeats, at most 20, and not always the same number."""
    outcomes = experiments(ExperimentCell("rapl", "constant", 1.0, "1"), settings(("stop",)), 0, 40)
    repeats = outcomes[:, FIELDS.index("repeats")]
    assert repeats.min() == 8
    assert 8 < repeats.max() <= 20


def test_the_oracle_is_as_wide_as_what_it_knows() -> None:
    """Gain alone: 1.96 u.

    Scatter alone: Student's factor. Gain, scatter and errors of the sensor add in quadrature.
    """
    rng = np.random.Generator(np.random.Philox(1))

    def widths(level: int, scatter: float, sensor: float, u_rel: float) -> float:
        n = (1, 4)[level]
        rows = np.zeros((400, len(FIELDS)))
        (
            rows[:, FIELDS.index("repeats")],
            rows[:, FIELDS.index("level")],
            rows[:, FIELDS.index("truth_j")],
        ) = n, level, 200.0
        rows[:, FIELDS.index("sensor_rel")], rows[:, FIELDS.index("scatter_rel")] = (
            sensor * rng.standard_normal(400),
            scatter,
        )
        return (
            float(
                np.median(oracle_half_widths(rows, ("1", "4"), PriorMode(u_rel, "normal"), "prior"))
            )
            / 200.0
        )

    assert widths(0, 0.5, 0.0, 0.04) == pytest.approx(1.96 * 0.04, rel=0.02)
    assert widths(1, 0.02, 0.0, 0.0) == pytest.approx(3.182 * 0.02 / 2, rel=0.02)
    assert widths(0, 0.0, 0.03, 0.04) == pytest.approx(1.96 * 0.05, rel=0.1)


def test_long_windows_draw_many_repeats_less_often() -> None:
    """Equal shares up to 10 s, then fewer long runs; every level still occurs."""
    assert weights(("1", "20"), 10.0) == pytest.approx([0.5, 0.5])
    assert weights(("1", "20"), 600.0)[1] == pytest.approx(0.05, abs=0.01)


def test_wilsons_range() -> None:
    """Published values: 0 of 10 and 5 of 10."""
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
