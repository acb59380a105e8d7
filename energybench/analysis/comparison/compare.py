"""Baseline against candidate for the same work: energy ratio, speedup, node-hours, energy-delay
ratio, verdict.

Effects combine by key, so the gain of a board cancels if both runs used the board. The scatter of
the repeats enters as Student's t on the logarithms: of pairs if the runs were interleaved, else of
the repeats of either side. If a side has a single repeat, the run-to-run scatter is unknown, and
there is no verdict. Other effects are combined by Monte Carlo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.analysis.comparison import comparable
from energybench.analysis.comparison.counted import boards_apart, is_miscounted
from energybench.analysis.comparison.node_time import node_hours, work_amount
from energybench.analysis.comparison.pairs import paired, paired_log
from energybench.analysis.comparison.second_lines import second_lines, without_scatter
from energybench.analysis.uncertainty.effects import not_negative, scale, student, uncombined
from energybench.analysis.uncertainty.propagation import propagate
from energybench.analysis.uncertainty.repeats import (
    LogRatio,
    arithmetic_mean,
    equal_scatter,
    log_scatter,
    verdict,
)
from energybench.errors import Refused
from energybench.model import (
    ENERGY_RATIO,
    TIME_X_ASSUMED_POWER,
    Comparison,
    Doubt,
    Effect,
    EffectKind,
    Estimate,
    Measurement,
    Quality,
    Repeat,
    Verdict,
)

MARGIN = 0.05  # ±m within which two energies count as equal, unless the user states another margin

_QuantityOf = Callable[[Repeat], float | None]  # a quantity of one repeat; None: not measured


def compare(
    baseline: Measurement, candidate: Measurement, margin: float = MARGIN, *, force: bool = False
) -> Comparison:
    """Compare two measurements.

    Raises Refused if the two are not comparable (unless `force` is given), or if a side has no
    energy.
    """
    pair_doubts = comparable.check(baseline, candidate, force)
    if baseline.energy_j is None or candidate.energy_j is None:
        side = baseline if baseline.energy_j is None else candidate
        raise Refused(side.id, "has no energy: nothing was measured", "see `energybench doctor`")
    sides = _sides(baseline, candidate, _energy)
    qualities = (baseline.quality, candidate.quality)
    estimated = "estimated" in qualities or None in qualities
    miscounted = boards_apart(baseline, candidate) or any(map(is_miscounted, (baseline, candidate)))
    energy = _ratio(
        without_scatter(baseline.energy_j),
        without_scatter(candidate.energy_j),
        _energy,
        baseline,
        candidate,
    )
    return Comparison(
        title=TIME_X_ASSUMED_POWER if estimated else ENERGY_RATIO,
        baseline=baseline.id,
        candidate=candidate.id,
        labels=(baseline.label, candidate.label),
        workloads=(_workload(baseline), _workload(candidate)),
        boundary=baseline.boundary.name,
        quality=_quality(baseline, candidate),
        energy_ratio=energy,
        speedup=speedup(baseline, candidate),
        net_energy_ratio=_net(baseline, candidate),
        node_hours=node_hours(baseline, candidate),
        energy_delay_ratio=_energy_delay(baseline, candidate),
        verdict=None if estimated or miscounted else _verdict(energy, margin, sides),
        margin=margin,
        scatter_known=sides.scatter_known,
        counted_once=not miscounted,
        paired=len(paired(baseline, candidate)) or None,
        second_lines=second_lines(baseline, candidate, _ratio),
        power_w=(baseline.power_w, candidate.power_w),
        idle_power_w=(baseline.idle_power_w, candidate.idle_power_w),
        doubts=(
            *pair_doubts,
            *_assumed(estimated),
            *_scatter_unknown(baseline, candidate, sides),
            *(doubt.carried_from(baseline.label) for doubt in baseline.doubts),
            *(doubt.carried_from(candidate.label) for doubt in candidate.doubts),
        ),
    )


def _verdict(energy: Estimate, margin: float, sides: _Sides) -> Verdict:
    """The verdict on the energy ratio. An interval without the scatter of both sides decides
    nothing: with a single repeat on each side and a scatter of 2 %, the interval holds the true
    ratio in one case of ten.
    """
    if not sides.scatter_known:
        return "inconclusive"
    return verdict(energy.low, energy.high, margin)


def speedup(baseline: Measurement, candidate: Measurement) -> Estimate:
    """T_baseline / T_candidate for the same work; the caller knows whether the work is the same."""
    return _ratio(
        without_scatter(baseline.time_s),
        without_scatter(candidate.time_s),
        lambda repeat: repeat.time_s,
        baseline,
        candidate,
    )


def _quality(baseline: Measurement, candidate: Measurement) -> Quality | None:
    if baseline.quality == candidate.quality:
        return baseline.quality
    return "mixed"


def _energy(repeat: Repeat) -> float | None:
    return repeat.energy_j


class _Sides(NamedTuple):
    """The values of a quantity whose scatter enters a ratio.

    scatter        scatter of the logarithm of the ratio; None if not known
    factors        mean over the counted values, over the mean of all values, for either side
    scatter_known  whether the scatter of both sides is known. If only one side was repeated,
                   `scatter` assumes the same scatter on both sides
    """

    scatter: LogRatio | None
    factors: tuple[float, float] = (1.0, 1.0)
    scatter_known: bool = True


def _sides(baseline: Measurement, candidate: Measurement, quantity_of: _QuantityOf) -> _Sides:
    """Scatter over pairs if the runs were interleaved, else over the repeats of either side.

    With pairs, only blocks with both sides count, in the means too.
    """
    values = [
        [value for repeat in side.repeats if (value := quantity_of(repeat)) is not None]
        for side in (baseline, candidate)
    ]
    pairs = [
        (first, second)
        for left, right in paired(baseline, candidate)
        if (first := quantity_of(left)) is not None and (second := quantity_of(right)) is not None
    ]
    if len(pairs) < 2:
        scatter = log_scatter(values[0], values[1])
        if scatter is not None:
            return _Sides(scatter)
        return _Sides(equal_scatter(values[0], values[1]), scatter_known=False)
    blocks = [[pair[i] for pair in pairs] for i in (0, 1)]
    return _Sides(
        paired_log(blocks[0], blocks[1]),
        (_mean_ratio(blocks[0], values[0]), _mean_ratio(blocks[1], values[1])),
    )


def _mean_ratio(some: Sequence[float], values: Sequence[float]) -> float:
    mean = arithmetic_mean(values)
    return arithmetic_mean(some) / mean if mean else 1.0


def _ratio(
    above: Estimate,
    below: Estimate,
    quantity_of: _QuantityOf,
    baseline: Measurement,
    candidate: Measurement,
) -> Estimate:
    """above/below for equal work, with the scatter of the quantity over the repeats.

    above, below  estimates of the baseline and of the candidate, without their scatter
    """
    sides = _sides(baseline, candidate, quantity_of)
    scatter: tuple[Effect, ...] = ()
    if sides.scatter is not None and sides.scatter.u:
        kind: EffectKind = "scatter" if sides.scatter_known else "assumed-scatter"
        scatter = (student(sides.scatter.u, sides.scatter.dof, kind),)
    inputs = {
        "above": scale(above, sides.factors[0]) if sides.factors[0] != 1.0 else above,
        "below": scale(below, sides.factors[1]) if sides.factors[1] != 1.0 else below,
        "scatter": uncombined(0.0, scatter),
    }
    equal_work = work_amount(candidate) / work_amount(baseline)

    def formula(x: Mapping[str, Any]) -> Any:
        return x["above"] / x["below"] * equal_work * np.exp(x["scatter"])

    try:
        return not_negative(propagate(formula, inputs))
    except (ValueError, ZeroDivisionError):
        raise Refused(
            f"{baseline.id} against {candidate.id}",
            "one of them used no energy or no time",
            "measure longer work",
        ) from None


def _net(baseline: Measurement, candidate: Measurement) -> Estimate | None:
    """Ratio of the net energies; None if a side lacks net energy, or if an interval reaches 0."""
    nets = [side.net_energy_j for side in (baseline, candidate)]
    if any(net is None or net.low <= 0 for net in nets):
        return None
    above, below = (without_scatter(net) for net in nets if net is not None)
    return _ratio(above, below, _energy, baseline, candidate)


def _workload(side: Measurement) -> str:
    return side.workload.name if side.workload is not None else ""


def _energy_delay(baseline: Measurement, candidate: Measurement) -> Estimate | None:
    """(E·T)_baseline / (E·T)_candidate for equal work."""
    products = [
        propagate(
            lambda x: x["e"] * x["t"],
            {"e": without_scatter(side.energy_j), "t": without_scatter(side.time_s)},
        )
        for side in (baseline, candidate)
        if side.energy_j is not None
    ]
    if len(products) < 2:
        return None

    def energy_delay(repeat: Repeat) -> float | None:
        return None if repeat.energy_j is None else repeat.energy_j * repeat.time_s

    ratio = _ratio(products[0], products[1], energy_delay, baseline, candidate)
    # Energy and time are both per unit of work: the ratio takes the factor of equal work twice.
    return scale(ratio, work_amount(candidate) / work_amount(baseline))


def _assumed(estimated: bool) -> list[Doubt]:
    if not estimated:
        return []
    return [
        Doubt(
            code="time-x-assumed-power",
            message="a side has no energy sensor: this is a ratio of times x assumed powers, and "
            "gives no energy verdict",
            remedy="open a sensor on that side: `energybench doctor`",
        )
    ]


def _scatter_unknown(baseline: Measurement, candidate: Measurement, sides: _Sides) -> list[Doubt]:
    """A doubt if a side was not repeated."""
    if sides.scatter_known:
        return []
    single = [
        side.label
        for side in (baseline, candidate)
        if sum(repeat.energy_j is not None for repeat in side.repeats) < 2
    ]
    message = f"run-to-run scatter is not known: one repeat of {' and of '.join(single)}"
    if sides.scatter is not None:
        message += "; the intervals assume that it scatters as the other side does"
    else:
        message += "; the ratios are those of these two runs alone"
    return [
        Doubt(
            code="scatter-unknown",
            message=f"{message}, and there is no verdict",
            remedy="--repeats 8 on both sides",
            subject=single[0] if len(single) == 1 else "",
        )
    ]
