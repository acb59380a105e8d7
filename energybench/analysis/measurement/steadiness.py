"""Whether the machine was in the same state in every repeat, and without foreign load.

Throttling, drifts of clocks and temperatures, and programs of other users. Pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Condition, Doubt, OtherLoad, Window
from energybench.units import counted

# States without throttling: an idle board, no limit at all, or a deliberately chosen clock
# (applications clocks, nvmlClocksThrottleReasons in nvml.h).
_NO_THROTTLE = frozenset({"none", "gpu-idle", "applications-clocks"})
_IDLE = "gpu-idle"
_POWER_CAP = "sw-power-cap"  # the board's power limit, the usual state of a capped board
# Drift of a clock that is worth a doubt. Dynamic power goes as f·V², and V rises with f, so that
# the same work costs 1-2 % more energy for 1 % more clock: 2 % of clock is as much as the scatter
# for which a run is repeated (2 %). A judgement.
_CLOCK_REL = 0.02
# Drift of a temperature that is worth a doubt, °C. Leakage grows exponentially with temperature;
# its share of the power differs from chip to chip: of the order of 0.1-0.5 % of a board's power for
# each kelvin, and so up to 2 % for 5 °C. A judgement from that order of magnitude, not a
# measurement of this machine.
_TEMPERATURE_C = 5.0
# A drift of clocks must exceed the standard error from the scatter within each third of the repeats
# by this factor. Readings are few, so no quantile is meant.
_SIGMAS = 3.0
# Largest number of kept changes of a device's throttle reasons.
_MOST_CHANGES = 50
_NAMED = 4  # devices or programs in a sentence

_ByRepeat = Mapping[str, Sequence[Sequence[Condition]]]  # device → readings in each repeat


def keep(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The readings kept in a result: the first and last of each device, and every change of its
    throttle reasons (the first fifty), in the order of time.
    """
    selected: list[Condition] = []
    for readings in _by_device(conditions).values():
        changes = [
            after for before, after in pairwise(readings) if after.throttle != before.throttle
        ]
        selected.append(readings[0])
        selected += [change for change in changes[:_MOST_CHANGES] if change is not readings[-1]]
        if len(readings) > 1:
            selected.append(readings[-1])
    return tuple(sorted(selected, key=lambda reading: reading.t_s))


def of_conditions(
    conditions: Sequence[Condition], repeats: Sequence[Window], energies: Sequence[float] = ()
) -> list[Doubt]:
    """Doubts about throttling in a repeat, and about clocks and temperatures that drift over the
    repeats.

    energies  energy of each repeat, J, for the change of the energy in the message
    """
    by_repeat = {
        device: _in_repeats(readings, repeats)
        for device, readings in _by_device(conditions).items()
    }
    return [
        *_throttled(by_repeat, len(repeats)),
        *_clocks(by_repeat, energies),
        *_temperatures(by_repeat, energies),
    ]


# ---------------------------------------------------------------- foreign load


class _Program(NamedTuple):
    """A program at work on a device; loads by repeat."""

    name: str
    device: str
    loads: Mapping[int, Sequence[OtherLoad]]

    @property
    def busy(self) -> float:
        return sum(load.busy for loads in self.loads.values() for load in loads)


def of_others(others: Sequence[OtherLoad], repeats: Sequence[Window]) -> list[Doubt]:
    """A doubt about foreign load in the repeats, by program, the busiest program first."""
    during: dict[tuple[str, str], dict[int, list[OtherLoad]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for load in others:
        for i, window in enumerate(repeats):
            if min(load.end_s, window.end_s) > max(load.start_s, window.start_s):
                during[load.name, load.device][i].append(load)
    if not during:
        return []
    programs = [_Program(name, device, loads) for (name, device), loads in during.items()]
    programs.sort(key=lambda program: -program.busy)
    message = "; ".join(_program_words(program, len(repeats)) for program in programs[:_NAMED])
    if len(programs) > _NAMED:
        message += f"; and {len(programs) - _NAMED} other programs"
    return [
        Doubt(
            code="other-load",
            message=message,
            remedy="end it, or measure on a node of your own (in Slurm: --exclusive)",
        )
    ]


def _program_words(program: _Program, repeats: int) -> str:
    pids = sorted({load.pid for loads in program.loads.values() for load in loads})
    during = f"during {len(program.loads)} of {counted(repeats, 'repeat')}"
    if program.device != "cpu":
        return f"{program.name} ({_pids(pids)}) was at work on {program.device} {during}"
    cores = _cores(program.busy / len(program.loads))
    if program.name == "unattributed":
        return (
            "processes without a name here (short-lived, in another container, or a daemon of the "
            f"work) kept {cores} busy {during}"
        )
    process = "" if pids == [0] else f" ({_pids(pids)})"
    return f"{program.name}{process} kept {cores} busy {during}"


def _pids(pids: Sequence[int]) -> str:
    return f"pid {pids[0]}" if len(pids) == 1 else f"{len(pids)} processes, pid {pids[0]} …"


def _cores(cores: float) -> str:
    return f"{cores:.2g} cores" if cores < 10 else f"{cores:.0f} cores"


# ---------------------------------------------------------------- readings by device and repeat


def _by_device(conditions: Iterable[Condition]) -> dict[str, list[Condition]]:
    devices: dict[str, list[Condition]] = defaultdict(list)
    for reading in sorted(conditions, key=lambda reading: reading.t_s):
        devices[reading.device].append(reading)
    return dict(sorted(devices.items()))


def _in_repeats(readings: Sequence[Condition], repeats: Sequence[Window]) -> list[list[Condition]]:
    return [
        [reading for reading in readings if window.start_s <= reading.t_s <= window.end_s]
        for window in repeats
    ]


def _reasons(reading: Condition) -> list[str]:
    reasons = (reading.throttle or "none").split(", ")
    return [reason for reason in reasons if reason not in _NO_THROTTLE]


# ---------------------------------------------------------------- throttling


def _throttled(by_repeat: _ByRepeat, repeats: int) -> list[Doubt]:
    """A doubt about power limits, and a doubt about all other reasons."""
    capped, slowed = [], []
    for device, readings in by_repeat.items():
        counts = _repeats_by_reason(readings)
        cap = counts.pop(_POWER_CAP, 0)
        if cap:
            capped.append(f"{device} in {cap} of {counted(repeats, 'repeat')}")
        if counts:
            words = [
                f"{reason} in {count} of {counted(repeats, 'repeat')}"
                for reason, count in sorted(counts.items())
            ]
            slowed.append(f"{device} by {' and '.join(words)}")
    doubts = []
    if slowed:
        doubts.append(
            Doubt(
                code="throttled",
                message=f"clocks were throttled: {_list(slowed)}",
                remedy="better cooling, or lower fixed clocks (nvidia-smi -lgc, cpupower "
                "frequency-set) that it can hold, on both sides of a comparison",
            )
        )
    if capped:
        doubts.append(
            Doubt(
                code="at-power-limit",
                message=f"at the power limit ({_POWER_CAP}): {_list(capped)}; normal for a capped "
                "board, whose clock then follows its temperature and the inputs",
                remedy="state the limit with the result, and compare under the limit that will be "
                "used",
            )
        )
    return doubts


def _repeats_by_reason(readings: Sequence[Sequence[Condition]]) -> dict[str, int]:
    """Number of repeats with a reading of each reason."""
    counts: dict[str, int] = defaultdict(int)
    for in_repeat in readings:
        for reason in {reason for reading in in_repeat for reason in _reasons(reading)}:
            counts[reason] += 1
    return counts


# ---------------------------------------------------------------- drifts


class _Drift(NamedTuple):
    """Mean of a device's quantity at the beginning and at the end of the repeats."""

    device: str
    first: float
    last: float

    @property
    def relative(self) -> float:
        return self.last / self.first - 1 if self.first else 0.0


def _values(
    readings: Sequence[Sequence[Condition]], value_of: Callable[[Condition], float | None]
) -> list[list[float]]:
    """The values of repeats with values."""
    repeats = [
        [value for reading in in_repeat if (value := value_of(reading)) is not None]
        for in_repeat in readings
    ]
    return [values for values in repeats if values]


def _clock_at_work(reading: Condition) -> float | None:
    """The clock of a reading; None for an idle GPU, whose clock says nothing about the work."""
    if _IDLE in (reading.throttle or ""):
        return None
    return reading.clock_mhz or None


def _clocks(by_repeat: _ByRepeat, energies: Sequence[float]) -> list[Doubt]:
    """A doubt if the mean clock of the last third of the repeats differs from the first third."""
    drifts = []
    for device, readings in by_repeat.items():
        repeats = _values(readings, _clock_at_work)
        if len(repeats) < 2:
            continue
        third = max(1, len(repeats) // 3)
        first = [value for values in repeats[:third] for value in values]
        last = [value for values in repeats[-third:] for value in values]
        drift = _Drift(device, arithmetic_mean(first), arithmetic_mean(last))
        change = abs(drift.last - drift.first)
        if change > _CLOCK_REL * drift.first and change > _SIGMAS * _scatter(first, last):
            drifts.append(drift)
    if not drifts:
        return []
    words = [
        f"{drift.device} {drift.first:.0f} → {drift.last:.0f} MHz ({drift.relative:+.1%})"
        for drift in _largest(drifts)
    ]
    return [
        Doubt(
            code="clock-drift",
            message="clocks drifted from the first third of the repeats to the last: "
            f"{_list(words)}{_meanwhile(energies)}",
            remedy="longer warm-up, or fixed clocks (nvidia-smi -lgc, cpupower frequency-set)",
        )
    ]


def _temperatures(by_repeat: _ByRepeat, energies: Sequence[float]) -> list[Doubt]:
    """A doubt if the mean temperature of the last repeat differs from the first repeat."""
    drifts = []
    for device, readings in by_repeat.items():
        repeats = _values(readings, lambda reading: reading.temperature_c)
        if len(repeats) < 2:
            continue
        drift = _Drift(device, arithmetic_mean(repeats[0]), arithmetic_mean(repeats[-1]))
        if abs(drift.last - drift.first) > _TEMPERATURE_C:
            drifts.append(drift)
    if not drifts:
        return []
    words = [
        f"{drift.device} {drift.first:.0f} → {drift.last:.0f} °C" for drift in _largest(drifts)
    ]
    return [
        Doubt(
            code="temperature-drift",
            message="temperatures drifted from the first repeat to the last: "
            f"{_list(words)}{_meanwhile(energies)}",
            remedy="longer warm-up, until the temperature stands; leakage grows with it",
        )
    ]


def _meanwhile(energies: Sequence[float]) -> str:
    """How the energy of a repeat changed from the first third to the last third, in words."""
    third = max(1, len(energies) // 3)
    if len(energies) < 2 or arithmetic_mean(energies[:third]) <= 0:
        return ""
    change = arithmetic_mean(energies[-third:]) / arithmetic_mean(energies[:third]) - 1
    return f"; the energy of a repeat changed by {change:+.1%} meanwhile (first third to last)"


def _largest(drifts: Sequence[_Drift]) -> list[_Drift]:
    return sorted(drifts, key=lambda drift: -abs(drift.relative))


def _list(entries: Sequence[str]) -> str:
    more = len(entries) - _NAMED
    return ", ".join(entries[:_NAMED]) + (f", and {more} more" if more > 0 else "")


def _scatter(first: Sequence[float], last: Sequence[float]) -> float:
    """Standard error of the difference of two means, from the scatter within each group; 0 for
    groups of a single value.
    """
    dof = len(first) + len(last) - 2
    if not dof:
        return 0.0
    squares = sum(
        (value - arithmetic_mean(group)) ** 2 for group in (first, last) for value in group
    )
    return math.sqrt(squares / dof * (1 / len(first) + 1 / len(last)))
