"""Whether the machine was the same in every repeat, and ours alone: throttling, drift of clocks and
temperatures, other load. Pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from energybench.model import Condition, Doubt, OtherLoad, Window

# Not throttling: nothing to do, nothing in the way, or a clock that somebody chose (applications
# clocks, nvmlClocksThrottleReasons in nvml.h).
_NO_THROTTLE = frozenset({"none", "gpu-idle", "applications-clocks"})
_IDLE = "gpu-idle"
_POWER_CAP = "sw-power-cap"  # the board's own limit: where a capped board works all the time
# Drift that is worth a word. Dynamic power goes as f·V², and V rises with f, so that the same work
# costs some 1-2 % more energy for 1 % more clock: 2 % of clock is as much as the scatter that a run
# is repeated for (2 %). A judgement.
_CLOCK_REL = 0.02
# Leakage grows exponentially with temperature, and is a part of the power that differs by chip: of
# the order of 0.1-0.5 % of a board's power a kelvin, thus up to 2 % in 5 °C. A judgement from that
# order of magnitude, no measured figure of this machine.
_TEMPERATURE_C = 5.0
# a drift of clocks is above what they scatter by within a third of the repeats; readings are few,
# so no quantile is meant
_SIGMAS = 3.0
_MOST_CHANGES = (
    50  # of a device's throttle reasons: one that flickers all day would fill the result
)
_NAMED = 4  # devices or programs in one sentence


class _Drift(NamedTuple):
    device: str
    first: float
    last: float


def keep(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """First and last of each device and every change of its throttle reasons (the first fifty), in
    the order of time.
    """
    kept: list[Condition] = []
    for mine in _by_device(conditions).values():
        changes = [new for old, new in pairwise(mine) if new.throttle != old.throttle][
            :_MOST_CHANGES
        ]
        kept += [
            mine[0],
            *(each for each in changes if each is not mine[-1]),
            *([mine[-1]] if len(mine) > 1 else []),
        ]
    return tuple(sorted(kept, key=lambda each: each.t_s))


def of_conditions(
    conditions: Sequence[Condition], repeats: Sequence[Window], energies: Sequence[float] = ()
) -> list[Doubt]:
    """Throttling in a repeat, and clocks and temperatures that drift over the repeats.

    `energies`: of the repeats, to say what they did meanwhile.
    """
    inside = {device: _inside(mine, repeats) for device, mine in _by_device(conditions).items()}
    return [
        *_throttled(inside, len(repeats)),
        *_clocks(inside, energies),
        *_temperatures(inside, energies),
    ]


def of_others(others: Sequence[OtherLoad], repeats: Sequence[Window]) -> list[Doubt]:
    """Other load in the repeats: by program, the busiest first."""
    during: dict[tuple[str, str], dict[int, list[OtherLoad]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for load in others:
        for i, window in enumerate(repeats):
            if min(load.end_s, window.end_s) > max(load.start_s, window.start_s):
                during[load.name, load.device][i].append(load)
    if not during:
        return []
    ranked = sorted(
        during.items(),
        key=lambda pair: -sum(load.busy for loads in pair[1].values() for load in loads),
    )
    said = [
        _said(name, device, by_repeat, len(repeats))
        for (name, device), by_repeat in ranked[:_NAMED]
    ]
    more = len(ranked) - _NAMED
    message = "; ".join(said) + (f"; and {more} other programs" if more > 0 else "")
    remedy = "end it, or measure on a node of your own (in Slurm: --exclusive)"
    return [Doubt(code="other-load", message=message, remedy=remedy)]


def _said(
    name: str, device: str, by_repeat: Mapping[int, Sequence[OtherLoad]], repeats: int
) -> str:
    pids = sorted({load.pid for loads in by_repeat.values() for load in loads})
    during = f"during {len(by_repeat)} of {repeats} repeats"
    if device != "cpu":
        return f"{name} ({_pids(pids)}) was at work on {device} {during}"
    cores = sum(load.busy for loads in by_repeat.values() for load in loads) / len(by_repeat)
    if name == "unattributed":
        return (
            "processes without a name here (short-lived, in another container, or a daemon of the "
            f"work) kept {_cores(cores)} busy {during}"
        )
    return f"{name}{'' if pids == [0] else f' ({_pids(pids)})'} kept {_cores(cores)} busy {during}"


def _pids(pids: Sequence[int]) -> str:
    return f"pid {pids[0]}" if len(pids) == 1 else f"{len(pids)} processes, pid {pids[0]} …"


def _cores(cores: float) -> str:
    return f"{cores:.2g} cores" if cores < 10 else f"{cores:.0f} cores"


# ---------------------------------------------------------------- readings by device and repeat


def _by_device(conditions: Iterable[Condition]) -> dict[str, list[Condition]]:
    found: dict[str, list[Condition]] = defaultdict(list)
    for each in sorted(conditions, key=lambda each: each.t_s):
        found[each.device].append(each)
    return dict(sorted(found.items()))


def _inside(mine: Sequence[Condition], repeats: Sequence[Window]) -> list[list[Condition]]:
    """The readings in each repeat."""
    return [
        [each for each in mine if window.start_s <= each.t_s <= window.end_s] for window in repeats
    ]


def _reasons(condition: Condition) -> list[str]:
    return [
        reason
        for reason in (condition.throttle or "none").split(", ")
        if reason not in _NO_THROTTLE
    ]


def _throttled(inside: Mapping[str, Sequence[Sequence[Condition]]], repeats: int) -> list[Doubt]:
    """One doubt of power caps, one of all other reasons."""
    capped, slowed = [], []
    for device, by_repeat in inside.items():
        counts: dict[str, int] = defaultdict(int)
        for readings in by_repeat:
            for reason in {reason for each in readings for reason in _reasons(each)}:
                counts[reason] += 1
        if cap := counts.pop(_POWER_CAP, 0):
            capped.append(f"{device} in {cap} of {repeats} repeats")
        if counts:
            slowed.append(
                f"{device} by "
                + " and ".join(
                    f"{reason} in {count} of {repeats} repeats"
                    for reason, count in sorted(counts.items())
                )
            )
    found = []
    if slowed:
        message = f"clocks were throttled: {_list(slowed)}"
        remedy = (
            "better cooling, or lower fixed clocks (nvidia-smi -lgc, cpupower frequency-set) that "
            "it can hold, on both sides of a comparison"
        )
        found.append(Doubt(code="throttled", message=message, remedy=remedy))
    if capped:
        message = (
            f"at the power limit ({_POWER_CAP}): {_list(capped)}; normal for a capped board, whose "
            "clock then follows its temperature and the inputs"
        )
        found.append(
            Doubt(
                code="at-power-limit",
                message=message,
                remedy="state the limit with the result, and compare under the limit that will be used",
            )
        )
    return found


def _clocks(
    inside: Mapping[str, Sequence[Sequence[Condition]]], energies: Sequence[float]
) -> list[Doubt]:
    """Mean clock of the last third of the repeats against the first third; readings of an idle GPU
    are none of its work.
    """
    drifts = []
    for device, by_repeat in inside.items():
        at_work = [
            [
                each.clock_mhz
                for each in readings
                if each.clock_mhz and _IDLE not in (each.throttle or "")
            ]
            for readings in by_repeat
        ]
        known = [values for values in at_work if values]
        third = max(1, len(known) // 3)
        if len(known) < 2:
            continue
        first, last = (
            [value for values in part for value in values]
            for part in (known[:third], known[-third:])
        )
        change = _mean(last) - _mean(first)
        if abs(change) > _CLOCK_REL * _mean(first) and abs(change) > _SIGMAS * _scatter(
            first, last
        ):
            drifts.append(_Drift(device, _mean(first), _mean(last)))
    if not drifts:
        return []
    said = _list(
        [
            f"{d.device} {d.first:.0f} → {d.last:.0f} MHz ({d.last / d.first - 1:+.1%})"
            for d in _largest(drifts)
        ]
    )
    message = (
        "clocks drifted from the first third of the repeats to the last: "
        f"{said}{_meanwhile(energies)}"
    )
    remedy = "longer warm-up, or fixed clocks (nvidia-smi -lgc, cpupower frequency-set)"
    return [Doubt(code="clock-drift", message=message, remedy=remedy)]


def _temperatures(
    inside: Mapping[str, Sequence[Sequence[Condition]]], energies: Sequence[float]
) -> list[Doubt]:
    """Mean temperature of the first repeat against the last."""
    drifts = []
    for device, by_repeat in inside.items():
        known = [
            values
            for values in (
                [each.temperature_c for each in readings if each.temperature_c is not None]
                for readings in by_repeat
            )
            if values
        ]
        if len(known) > 1 and abs(_mean(known[-1]) - _mean(known[0])) > _TEMPERATURE_C:
            drifts.append(_Drift(device, _mean(known[0]), _mean(known[-1])))
    if not drifts:
        return []
    said = _list([f"{d.device} {d.first:.0f} → {d.last:.0f} °C" for d in _largest(drifts)])
    message = (
        f"temperatures drifted from the first repeat to the last: {said}{_meanwhile(energies)}"
    )
    return [
        Doubt(
            code="temperature-drift",
            message=message,
            remedy="longer warm-up, until the temperature stands; leakage grows with it",
        )
    ]


def _meanwhile(energies: Sequence[float]) -> str:
    third = max(1, len(energies) // 3)
    if len(energies) < 2 or _mean(energies[:third]) <= 0:
        return ""
    return (
        "; the energy of a repeat changed by "
        f"{_mean(energies[-third:]) / _mean(energies[:third]) - 1:+.1%} meanwhile (first third to "
        "last)"
    )


def _largest(drifts: Sequence[_Drift]) -> list[_Drift]:
    return sorted(
        drifts, key=lambda drift: -abs(drift.last / drift.first - 1) if drift.first else 0.0
    )


def _list(entries: Sequence[str]) -> str:
    more = len(entries) - _NAMED
    return ", ".join(entries[:_NAMED]) + (f", and {more} more" if more > 0 else "")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _scatter(first: Sequence[float], last: Sequence[float]) -> float:
    """Standard error of the difference of the two means, from the scatter within each; 0 where
    there is one reading of each.
    """
    dof = len(first) + len(last) - 2
    squares = sum((value - _mean(part)) ** 2 for part in (first, last) for value in part)
    return math.sqrt(squares / dof * (1 / len(first) + 1 / len(last))) if dof else 0.0
