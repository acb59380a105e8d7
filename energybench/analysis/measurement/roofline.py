"""A run beside the limits of its device: rates, shares, intensity, joules per flop and per byte.

Roofline model: Williams, Waterman and Patterson, CACM 52 (4), 2009: attainable flop/s =
min(peak, intensity x bandwidth). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.measurement.profiles import LIMITS_AGAIN
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    not_negative,
    rectangular,
    scale,
)
from energybench.analysis.uncertainty.propagation import propagate
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.model import (
    Binding,
    DeviceLimits,
    Doubt,
    Estimate,
    Limit,
    Measurement,
    Roofline,
    Work,
)

READ = "read"  # name of the limit of the memory bandwidth
RATES = ("fp64", "fp32", "bf16")  # names of the limits of matrix rates
# Share of its limit below which tuning only one side could change a ratio by more than a factor of
# two.
LOW = 0.5
# Share of its limit above which the limit is wrong: two calibrations of a quiet machine differ by
# less.
_ABOVE = 1.05
_UNSTEADY = 0.9  # median of the tries of a limit over the best try
_THERE = "energybench calibrate --limits-only there, then run again"


class Counted(NamedTuple):
    """Work and times of the repeats.

    time_u_s                  half-width of the uncertainty of a single time, s
    per_flop_j, per_byte_j    energy for each flop and byte, J; None if not measured or not counted
    """

    works: Sequence[Work]
    times_s: Sequence[float]
    time_u_s: float
    per_flop_j: Estimate | None
    per_byte_j: Estimate | None


def roofline(limits: DeviceLimits | None, counted: Counted) -> Roofline | None:
    """The run beside its limits; None if the work counts neither flops nor bytes."""
    flops = [work.flops or 0.0 for work in counted.works]
    moved = [work.bytes or 0.0 for work in counted.works]
    achieved, traffic = _rate(flops, counted), _rate(moved, counted)
    if achieved is None and traffic is None:
        return None
    intensity = sum(flops) / sum(moved) if achieved and traffic else None

    # The limits of the device, and the binding limit.
    arithmetic = counted.works[0].arithmetic
    read = rate = None
    if limits is not None:
        read = _estimate(limits, limits.of(READ))
        rate = _estimate(limits, limits.of(arithmetic)) if arithmetic in RATES else None
    binds, attainable = _bound(limits, intensity, read, rate)
    if binds is None and intensity is None:
        # Only flops or only bytes are counted: the limit of the counted quantity is shown.
        if traffic and read:
            binds = "bandwidth"
        elif achieved and rate:
            binds, attainable = "arithmetic", rate
    shares: dict[Binding | None, Estimate | None] = {
        "bandwidth": _share(traffic, read),
        "arithmetic": _share(achieved, rate),
        None: None,
    }
    return Roofline(
        device=limits.device if limits else None,
        name=limits.name if limits else None,
        made_utc=limits.made_utc if limits else None,
        arithmetic=arithmetic,
        bandwidth_byte_per_s=read,
        rate_flop_per_s=rate,
        byte_per_s=traffic,
        flop_per_s=achieved,
        intensity_flop_per_byte=intensity,
        bound_flop_per_s=attainable,
        binds=binds,
        share_of_bandwidth=shares["bandwidth"],
        share_of_rate=shares["arithmetic"],
        share=shares[binds],
        energy_per_flop_j=counted.per_flop_j,
        energy_per_byte_j=counted.per_byte_j,
    )


def _rate(amounts: Sequence[float], counted: Counted) -> Estimate | None:
    """Amount for each second over the repeats, with the scatter of the repeats; for a single repeat
    with the uncertainty of its time.
    """
    seconds = sum(counted.times_s)
    if not amounts or any(amount <= 0 for amount in amounts) or seconds <= 0:
        return None
    value = sum(amounts) / seconds
    scatter = scatter_effect(
        [amount / time_s for amount, time_s in zip(amounts, counted.times_s, strict=True)]
    )
    effects = [scatter] if scatter else []
    if len(amounts) == 1:
        effects = [rectangular("time-edges", counted.time_u_s / seconds * value)]
    return not_negative(combine(value, effects))


def _estimate(limits: DeviceLimits, limit: Limit | None) -> Estimate | None:
    """A limit: its best try, with the median of the tries as the lower end.

    Two runs beside the same calibration share the error.
    """
    if limit is None:
        return None
    key = f"limit:{limits.host}/{limits.device}/{limit.name}/{limits.made_utc}"
    below = bound("machine-limit", limit.middle - limit.best, key=key, detail=limit.name)
    return combine(limit.best, (below,))


def _bound(
    limits: DeviceLimits | None,
    intensity: float | None,
    read: Estimate | None,
    rate: Estimate | None,
) -> tuple[Binding | None, Estimate | None]:
    """The binding limit, and the attainable flop/s.

    If the format of the arithmetic is unknown, bandwidth binds if it binds for every format.
    """
    if limits is None or intensity is None or read is None:
        return None, None
    by_bandwidth = scale(read, intensity)
    if rate is not None:
        attainable = propagate(
            lambda x: np.minimum(x["rate"], intensity * x["read"]), {"rate": rate, "read": read}
        )
        return ("bandwidth" if by_bandwidth.value < rate.value else "arithmetic"), attainable
    rates = [limit.best for name in RATES if (limit := limits.of(name)) is not None]
    if len(rates) == len(RATES) and by_bandwidth.value < min(rates):
        return "bandwidth", by_bandwidth
    return None, None


def _share(achieved: Estimate | None, limit: Estimate | None) -> Estimate | None:
    if achieved is None or limit is None:
        return None
    return propagate(lambda x: x["achieved"] / x["limit"], {"achieved": achieved, "limit": limit})


# ---------------------------------------------------------------- doubts


def doubts(run: Roofline | None, limits: DeviceLimits | None) -> list[Doubt]:
    """Doubts about the limits of a run: faster than a limit, an unsteady limit, or a limit measured
    beside foreign programs.
    """
    if run is None or limits is None:
        return []
    binding: str | None = None
    if run.binds is not None:
        binding = READ if run.binds == "bandwidth" else run.arithmetic
    return [
        *_disturbed(limits, limits.of(binding)),
        *_above(limits, run.share_of_bandwidth, "memory bandwidth"),
        *_above(limits, run.share_of_rate, f"{run.arithmetic} matrix rate"),
        *_unsteady(limits, limits.of(binding)),
    ]


def _disturbed(limits: DeviceLimits, binding: Limit | None) -> list[Doubt]:
    """A doubt with the note of the binding limit, else with the first note."""
    note = binding.note if binding is not None else ""
    if not note and not limits.notes:
        return []
    note = note or limits.notes[0].partition(";")[0]
    message = f"the limits of {limits.device} may be too low: {note}"
    return [
        Doubt(code="limits-disturbed", message=message, remedy=LIMITS_AGAIN, subject=limits.device)
    ]


def _above(limits: DeviceLimits, share: Estimate | None, name: str) -> list[Doubt]:
    if share is None or share.low <= _ABOVE:
        return []
    return [
        Doubt(
            code="above-limit",
            message=f"the work reaches {share.value:.2f} times the measured {name}: its data fit "
            "in a cache, or the limits were measured on a busy machine",
            remedy=f"a larger size; {LIMITS_AGAIN}",
            subject=limits.device,
        )
    ]


def _unsteady(limits: DeviceLimits, limit: Limit | None) -> list[Doubt]:
    if limit is None or limit.middle >= _UNSTEADY * limit.best:
        return []
    return [
        Doubt(
            code="limit-unsteady",
            message=f"the limit {limit.name} of {limits.device} was not steady: half of its tries "
            f"reached at most {limit.middle / limit.best:.0%} of the best",
            remedy=LIMITS_AGAIN,
            subject=limits.device,
        )
    ]


def of_side(side: Measurement) -> list[Doubt]:
    """A doubt about a side of a comparison if its share of its machine's limit is unknown or low
    (Lee et al., ISCA 2010: untuned baselines).
    """
    run = side.roofline
    if run is None or run.share is None:
        reason, remedy = _reason_unknown(run)
        message = f"the fraction of its machine's limit is not known: {reason}"
        return [Doubt(code="limit-unknown", message=message, remedy=remedy)]
    if run.share.value >= LOW:
        return []
    name = "memory bandwidth" if run.binds == "bandwidth" else f"{run.arithmetic} matrix rate"
    return [
        Doubt(
            code="limit-low",
            message=f"the work reaches {run.share.value:.0%} of its machine's {name}: the ratio "
            "contains the saving that tuning would bring there",
            remedy="a code that is tuned for that machine, or say so beside the ratio",
        )
    ]


def _reason_unknown(run: Roofline | None) -> tuple[str, str]:
    """The reason why the share of a side is not known, and a remedy."""
    if run is None:
        return "it counts neither flops nor bytes", "a workload that counts them"
    if run.device is None:
        return "no limits of this device were measured", _THERE
    if run.arithmetic is None:
        return "the work does not state the format of its arithmetic", "a workload that does"
    return f"no limit of {run.arithmetic} was measured", _THERE
