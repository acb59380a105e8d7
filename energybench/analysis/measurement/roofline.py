"""A run beside its device's limits: achieved rates and their shares, intensity, the roofline's
bound, joules per flop and byte. Pure.

Roofline: Williams, Waterman and Patterson, CACM 52 (4), 2009: attainable flop/s = min(peak,
intensity x bandwidth).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from energybench.analysis.measurement.profiles import OLD_DAYS, age_days, state
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    not_negative,
    propagate,
    rectangular,
    scale,
)
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.model import (
    Binding,
    DeviceLimits,
    Doubt,
    Estimate,
    Host,
    Limit,
    Measurement,
    Roofline,
    Work,
)

CPU = "cpu"
READ = "read"
RATES = ("fp64", "fp32", "bf16")
# share of its limit below which tuning one side alone could change a ratio by more than a factor of
# two
LOW = 0.5
# share beyond which a limit is none: more than two calibrations of a quiet machine differ by
_ABOVE = 1.05
_UNSTEADY = 0.9  # median of a limit's tries over the best
_AGAIN = "energybench calibrate --limits-only, on an idle machine"


class Counted(NamedTuple):
    """What the repeats did and took.

    J per unit: None where no energy was measured, or the unit was not counted.
    """

    works: Sequence[Work]
    times_s: Sequence[float]
    time_u_s: float  # half-width of what is not known of a single time
    per_flop_j: Estimate | None
    per_byte_j: Estimate | None


# ---------------------------------------------------------------- whose limits


def devices_of(device: str, host: Host) -> tuple[str, ...]:
    """The devices that a workload's `--device` was: the CPUs together, or the UUIDs of the boards
    it was given.
    """
    return (CPU,) if device == CPU else tuple(gpu.uuid for gpu in host.gpus if gpu.used)


def known(
    held: Iterable[DeviceLimits], device: str, host: Host, now_utc: str
) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
    """The limits of what a workload was given, several boards' added up; or why those that there
    are do not hold. Old ones are used with a doubt.
    """
    newest = {
        one.device: one
        for one in sorted(held, key=lambda one: one.made_utc)
        if one.device != CPU or one.host == host.name
    }
    wanted = devices_of(device, host)
    found: list[DeviceLimits] = []
    said: list[Doubt] = []
    for limits in (newest[name] for name in wanted if name in newest):
        days = age_days(limits.made_utc, now_utc)
        why = refusal(limits, host) or (
            f"their date {limits.made_utc!r} is none" if days is None else None
        )
        if why is not None:
            said.append(
                Doubt(
                    code="limits-refused",
                    message=f"the measured limits of {limits.device} are not used: {why}",
                    remedy=_AGAIN,
                )
            )
            continue
        if days is not None and days > OLD_DAYS:
            said.append(
                Doubt(
                    code="limits-old",
                    message=f"the measured limits of {limits.device} are {days:.0f} days old",
                    remedy=_AGAIN,
                )
            )
        found.append(limits)
    whole = bool(found) and len(found) == len(wanted)
    return (_together(found) if whole else None), tuple(said)


def _together(boards: Sequence[DeviceLimits]) -> DeviceLimits:
    """Boards that work at the same time: their rates add up, try by try."""
    first = boards[0]
    if len(boards) == 1:
        return first
    summed = []
    for limit in first.limits:
        others = [other for board in boards if (other := board.of(limit.name)) is not None]
        if len(others) == len(boards):
            summed.append(
                msgspec.structs.replace(
                    limit,
                    runs=tuple(
                        sum(tries) for tries in zip(*(other.runs for other in others), strict=False)
                    ),
                )
            )
    names = dict.fromkeys(board.name for board in boards)
    return msgspec.structs.replace(
        first,
        device="+".join(board.device for board in boards),
        name=f"{len(boards)} x {' and '.join(names)}",
        limits=tuple(summed),
        notes=tuple(note for board in boards for note in board.notes),
        made_utc=min(board.made_utc for board in boards),
    )


def refusal(limits: DeviceLimits, host: Host) -> str | None:
    """Why limits of this device do not hold for it as it is now; None: they do. What they do not
    state is not asked for.
    """
    driver, clocks = state(limits.device, host)
    threads = host.threads_allowed if limits.device == CPU else None
    found = (
        next((gpu.name for gpu in host.gpus if gpu.uuid == limits.device), None)
        if limits.device != CPU
        else host.cpu
    )
    for then, now, words in (
        (limits.name, found or "not known", "measured on {}"),
        (limits.driver, driver, "measured with driver {}"),
        (limits.clocks, clocks, "measured at {}"),
        (limits.threads, threads, "measured on {} threads"),
    ):
        if then is not None and then != now:
            return (
                f"{words.format(then)}, this is {now if now is not None else 'not known'}: "
                "calibrate again"
            )
    return None


# ---------------------------------------------------------------- the roofline


def roofline(limits: DeviceLimits | None, done: Counted) -> Roofline | None:
    """The run beside its limits; None where the work counts neither flops nor bytes."""
    flops, moved = (
        [work.flops or 0.0 for work in done.works],
        [work.bytes or 0.0 for work in done.works],
    )
    achieved, traffic = _rate(flops, done), _rate(moved, done)
    if achieved is None and traffic is None:
        return None
    form = done.works[0].arithmetic
    intensity = sum(flops) / sum(moved) if achieved and traffic else None
    read = _estimate(limits, limits.of(READ)) if limits else None
    rate = _estimate(limits, limits.of(form)) if limits and form in RATES else None
    binds, most = _bound(limits, intensity, read, rate)
    if binds is None and intensity is None:  # the limit that its counts can tell of
        binds = "bandwidth" if traffic and read else "arithmetic" if achieved and rate else None
        most = rate if binds == "arithmetic" else None
    of_read, of_rate = _share(traffic, read), _share(achieved, rate)
    return Roofline(
        device=limits.device if limits else None,
        name=limits.name if limits else None,
        made_utc=limits.made_utc if limits else None,
        arithmetic=form,
        bandwidth_byte_per_s=read,
        rate_flop_per_s=rate,
        byte_per_s=traffic,
        flop_per_s=achieved,
        intensity_flop_per_byte=intensity,
        bound_flop_per_s=most,
        binds=binds,
        share_of_bandwidth=of_read,
        share_of_rate=of_rate,
        share={"bandwidth": of_read, "arithmetic": of_rate, None: None}[binds],
        energy_per_flop_j=done.per_flop_j,
        energy_per_byte_j=done.per_byte_j,
    )


def _rate(amounts: Sequence[float], done: Counted) -> Estimate | None:
    """Amount per second over the repeats, with their scatter (of a single one: how well its time is
    known).
    """
    seconds = sum(done.times_s)
    if not amounts or any(amount <= 0 for amount in amounts) or seconds <= 0:
        return None
    value = sum(amounts) / seconds
    scatter = scatter_effect(
        [amount / time_s for amount, time_s in zip(amounts, done.times_s, strict=True)]
    )
    single = rectangular("time-edges", done.time_u_s / seconds * value)
    return not_negative(
        combine(value, (scatter,) if scatter else (single,) if len(amounts) == 1 else ())
    )


def _estimate(limits: DeviceLimits, limit: Limit | None) -> Estimate | None:
    """The best try; what the machine gave half of the time is its lower end.

    Two runs beside one calibration share that.
    """
    if limit is None:
        return None
    key = f"limit:{limits.host}/{limits.device}/{limit.name}/{limits.made_utc}"
    return combine(
        limit.best,
        (bound("machine-limit", limit.middle - limit.best, key=key, detail=limit.name),),
    )


def _bound(
    limits: DeviceLimits | None,
    intensity: float | None,
    read: Estimate | None,
    rate: Estimate | None,
) -> tuple[Binding | None, Estimate | None]:
    """Which limit binds, and the flop/s that leaves.

    Where the format is not known, bandwidth binds if it does so in every format.
    """
    if limits is None or intensity is None or read is None:
        return None, None
    slope = scale(read, intensity)
    if rate is not None:
        most = propagate(
            lambda x: np.minimum(x["rate"], intensity * x["read"]), {"rate": rate, "read": read}
        )
        return ("bandwidth" if slope.value < rate.value else "arithmetic"), most
    rates = [limit.best for name in RATES if (limit := limits.of(name)) is not None]
    if len(rates) == len(RATES) and slope.value < min(rates):
        return "bandwidth", slope
    return None, None


def _share(achieved: Estimate | None, limit: Estimate | None) -> Estimate | None:
    if achieved is None or limit is None:
        return None
    return propagate(lambda x: x["achieved"] / x["limit"], {"achieved": achieved, "limit": limit})


# ---------------------------------------------------------------- what weakens it


def doubts(found: Roofline | None, limits: DeviceLimits | None) -> list[Doubt]:
    """Of one run: faster than its limit, a limit that was not steady, or one that was measured
    beside other programs.
    """
    made: list[Doubt] = []
    if found is None or limits is None:
        return made
    if limits.notes:
        names = {"bandwidth": READ, "arithmetic": found.arithmetic, None: ""}
        note = next(
            (note for note in limits.notes if note.startswith(f"{names[found.binds]} ")),
            limits.notes[0],
        )
        message = f"the limits of {limits.device} may be too low: {note.partition(';')[0]}"
        made.append(Doubt(code="limits-disturbed", message=message, remedy=_AGAIN))
    for share, what in (
        (found.share_of_bandwidth, "memory bandwidth"),
        (found.share_of_rate, f"{found.arithmetic} matrix rate"),
    ):
        if share is not None and share.low > _ABOVE:
            message = (
                f"the work reaches {share.value:.2f} times the measured {what}: its data fit in a "
                "cache, or the limits were measured on a busy machine"
            )
            made.append(
                Doubt(code="above-limit", message=message, remedy=f"a larger size; {_AGAIN}")
            )
    binding = limits.of(
        READ if found.binds == "bandwidth" else found.arithmetic if found.binds else None
    )
    if binding is not None and binding.middle < _UNSTEADY * binding.best:
        reached = f"{binding.middle / binding.best:.0%}"
        message = (
            f"the limit {binding.name} of {limits.device} was not steady: half of its tries "
            f"reached at most {reached} of the best"
        )
        made.append(Doubt(code="limit-unsteady", message=message, remedy=_AGAIN))
    return made


def of_side(side: Measurement) -> list[Doubt]:
    """Of one side of a comparison: its share of its machine's limit has to be known, and not low
    (Lee et al., ISCA 2010: untuned baselines).
    """
    found = side.roofline
    if found is not None and found.share is not None:
        if found.share.value >= LOW:
            return []
        what = (
            "memory bandwidth" if found.binds == "bandwidth" else f"{found.arithmetic} matrix rate"
        )
        message = (
            f"the work reaches {found.share.value:.0%} of its machine's {what}: the saving that tuning "
            "would bring there is in the ratio"
        )
        return [
            Doubt(
                code="limit-low",
                message=message,
                remedy="a code that is tuned for that machine, or say so beside the ratio",
            )
        ]
    why, remedy = _unknown(side)
    return [
        Doubt(
            code="limit-unknown",
            message=f"the fraction of its machine's limit is not known: {why}",
            remedy=remedy,
        )
    ]


def _unknown(side: Measurement) -> tuple[str, str]:
    """Why a side's share is not known, and what would tell it."""
    if side.roofline is None:
        return "it counts neither flops nor bytes", "a workload that counts them"
    if side.roofline.device is None:
        return (
            "no limits of this device were measured",
            "energybench calibrate --limits-only there, then run again",
        )
    if side.roofline.arithmetic is None:
        return "the work does not state the format of its arithmetic", "a workload that does"
    return (
        f"no limit of {side.roofline.arithmetic} was measured",
        "energybench calibrate --limits-only there, then run again",
    )


__all__ = [
    "CPU",
    "LOW",
    "RATES",
    "READ",
    "Counted",
    "devices_of",
    "doubts",
    "known",
    "of_side",
    "refusal",
    "roofline",
]
