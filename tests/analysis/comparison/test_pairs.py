"""Interleaved runs are analysed as pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from energybench.analysis.comparison.compare import compare
from energybench.analysis.comparison.pairs import half_width, paired, paired_log, wants_more
from energybench.analysis.uncertainty.coverage_factors import student_quantile
from energybench.analysis.uncertainty.repeats import log_scatter
from energybench.model import Measurement
from tests.analysis.runs import run, work

RATIO = 1.25


def interleaved(
    a: Sequence[float],
    b: Sequence[float],
    *,
    session: str | None = "s",
    blocks: Sequence[int] | None = None,
) -> tuple[Measurement, Measurement]:
    """Two runs of one session whose repeats drew so much power; block k holds the k-th of both
    unless said.
    """
    sides = []
    for name, factors, power_w in (("a", a, 200.0 * RATIO), ("b", b, 200.0)):
        made = run(
            name,
            package_w=power_w - 20,
            power_factor=list(factors),
            times_s=(2.0,) * len(factors),
            done=work(),
        )
        scaled = [
            replace(r, block=i)
            for r, i in zip(
                made.repeats, blocks if blocks and name == "b" else range(len(factors)), strict=True
            )
        ]
        sides.append(replace(made, session=session, repeats=tuple(scaled)))
    return sides[0], sides[1]


def drifting(
    n: int, seed: int, drift: float = 0.2, noise: float = 0.005
) -> tuple[list[float], list[float]]:
    """Powers that fall by a fifth over the session, the same for both, and scatter by half a
    percent each.
    """
    rng = np.random.default_rng(seed)
    common = 1 - drift * np.arange(n) / n
    return [(common * (1 + noise * rng.standard_normal(n))).tolist() for _ in range(2)]  # type: ignore[return-value]


def test_a_common_drift_cancels() -> None:
    """The paired interval holds the truth and is several times narrower than Welch's on the same
    repeats; the comparison says how many pairs.
    """
    a, b = interleaved(*drifting(10, 1))
    pairs = compare(a, b)
    alone = compare(replace(a, session=None), replace(b, session=None))
    assert pairs.energy_ratio is not None
    assert alone.energy_ratio is not None
    assert (pairs.paired, alone.paired) == (10, None)
    assert pairs.energy_ratio.low < RATIO < pairs.energy_ratio.high
    assert pairs.energy_ratio.half_width < alone.energy_ratio.half_width / 5
    assert (pairs.verdict, alone.verdict) == ("better", "better")


def test_coverage_of_the_paired_interval() -> None:
    """With a drift of 20 % in common, 95 % intervals of ln ratio hold the truth in 95 % of 2 000
    sessions; Welch's hold it always, being far too wide.
    """
    held = wide = 0
    for seed in range(2000):
        a, b = drifting(8, seed)
        found, other = paired_log(a, b), log_scatter(a, b)
        assert found is not None
        assert other is not None
        apart = abs(float(np.mean(np.log(np.asarray(a) / np.asarray(b)))))
        held += apart <= student_quantile(found.dof) * found.u
        wide += apart <= student_quantile(other.dof) * other.u
    assert 0.935 <= held / 2000 <= 0.965
    assert wide == 2000


@pytest.mark.parametrize(
    "change",
    [{"session": None}, {"blocks": [10, 11, 12, 13, 14, 15]}, {"blocks": [0, 11, 12, 13, 14, 15]}],
)
def test_without_common_blocks_it_is_welch(change: dict[str, object]) -> None:
    """No session, no common block, or a single one: two runs on their own."""
    a, b = interleaved(*drifting(6, 2), **change)  # type: ignore[arg-type]
    assert paired(a, b) == ()
    assert compare(a, b).paired is None


def test_only_common_blocks_are_compared() -> None:
    """A variant that failed half way is compared over the blocks that it had, in the value too: the
    other's later, lower half is left out.
    """
    first, second = drifting(10, 3, noise=0.001)
    a, b = interleaved(first, second[:5])
    found = compare(a, b)
    assert found.paired == 5
    assert found.energy_ratio is not None
    assert found.energy_ratio.value == pytest.approx(RATIO, rel=0.01)
    assert found.speedup.value == pytest.approx(1.0)


def test_a_run_is_no_pair_of_itself() -> None:
    """Comparing a run with itself leaves its scatter in."""
    a, _ = interleaved(*drifting(8, 4))
    assert paired(a, a) == ()


def test_stopping_on_pairs() -> None:
    """At least 8 blocks; then until every ratio to the first is within the target, whatever all of
    them have in common; then the limit.
    """
    first, second = drifting(20, 5)
    assert wants_more([first[:7], second[:7]], 0.9, 20)
    assert not wants_more([first[:8], second[:8]], 0.02, 20)
    wild = [value * (1.5 if i % 2 else 1.0) for i, value in enumerate(second)]
    assert wants_more([first[:19], second[:19], wild[:19]], 0.02, 20)
    assert not wants_more([first, second, wild], 0.02, 20)
    assert not wants_more([first[:3], second[:3]], 1e-9, 3)


def test_what_has_no_scatter_or_no_sense() -> None:
    """Fewer than two pairs, or a value that is not positive, give no interval; equal pairs have
    none to give.
    """
    assert paired_log([1.0], [1.0]) is None
    assert paired_log([1.0, 0.0], [1.0, 1.0]) is None
    assert half_width([1.0], [1.0]) is None
    found = paired_log([2.0, 4.0], [1.0, 2.0])
    assert found is not None
    assert found.u == 0
