"""Results that contradict themselves: foreign files, or files that somebody changed.

The types of the model refuse not-a-number, and a value outside its interval. Here stand the
relations between several fields: quantities that physics keeps above 0, and totals and intervals
that have to follow from the parts and effects in the same file. Net energy and uncertainties may be
negative.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import (
    REPEAT,
    Comparison,
    Estimate,
    Measurement,
    Projection,
    Repeat,
    Study,
    StudyRun,
    Window,
)
from energybench.store import interval_check, record_check

# Totals and parts are stored with all digits of a double, so that only the order of a sum may
# differ: some 1e-13. A difference of 1e-6 is invisible in every printed figure.
_ROUNDING_REL = 1e-6
_ROUNDING = 1e-6  # J, s, W and their quotients; times since boot have this many digits
# Longest time of a repeat before the first sample or after the last sample: some polls, which come
# seconds apart at most, and a last batch lost on a full disk.
_UNSAMPLED_S = 10.0
_REPLAY = "replay"  # collector of recordings
_REMEDY = "it was edited, or energybench did not write it"


class Contradiction(NamedTuple):
    """A field, and the reason why its number is impossible."""

    field: str
    why: str


def refuse(result: Measurement | Comparison | Projection | Study, where: str) -> None:
    """Raise BadInput with the name of the first impossible field."""
    contradictions: Iterator[Contradiction] = iter(())
    if isinstance(result, Measurement):
        contradictions = of_measurement(result)
    elif isinstance(result, Comparison):
        contradictions = _of_comparison(result)
    elif isinstance(result, Study):
        contradictions = _of_study(result)
    for field, why in contradictions:
        raise BadInput(f"{where}: {field}", why, _REMEDY)


def of_measurement(result: Measurement) -> Iterator[Contradiction]:
    """The contradictions of a measurement, the impossible numbers first."""
    if not result.repeats:
        yield Contradiction("repeats", "is empty: a result has the repeats that it comes from")
        return
    yield from _impossible(result)
    yield from _of_recordings(result)
    yield from itertools.starmap(Contradiction, record_check.of_measurement(result))
    yield from _of_repeats(result.repeats)
    yield from _overlaps(result)
    yield from _totals_and_repeats(result)
    yield from _quotients(result)
    yield from _of_idle(result)
    yield from _of_shares(result)
    yield from itertools.starmap(Contradiction, interval_check.of_measurement(result))


# ---------------------------------------------------------------- impossible numbers


def _impossible(result: Measurement) -> Iterator[Contradiction]:
    yield from _not_above_zero("time_s", result.time_s)
    yield from _below_zero("energy_j", result.energy_j)
    for name, energy_j in result.components_j.items():
        yield from _below_zero(f"components_j.{name}", energy_j)
    for name in (
        "power_w",
        "highest_power_w",
        "idle_power_w",
        "accelerators_j",
        "energy_per_work_j",
    ):
        yield from _below_zero(name, getattr(result, name))
    yield from _not_above_zero("work_per_s", result.work_per_s)
    for number, region in enumerate(result.regions):
        yield from _below_zero(f"regions[{number}].energy_j", region.energy_j)
        if region.time_s < 0:
            yield Contradiction(f"regions[{number}].time_s", f"is {region.time_s:.6g}, below 0")
    for number, channel in enumerate(result.channels):
        for name in ("samples", "missed", "failed"):
            if getattr(channel, name) < 0:
                yield Contradiction(
                    f"channels[{number}].{name}", f"is {getattr(channel, name)}, below 0"
                )
    if result.nodes < 1:
        yield Contradiction("nodes", f"is {result.nodes}, and a run has at least one node")


def _of_recordings(result: Measurement) -> Iterator[Contradiction]:
    """Readings of a recording in a result without a doubt about the recording."""
    replayed = any(channel.collector == _REPLAY and channel.samples for channel in result.channels)
    if replayed and not any(doubt.code == "replayed" for doubt in result.doubts):
        yield Contradiction(
            "doubts", f"lack 'replayed', and channels are of the collector {_REPLAY!r}"
        )


def _below_zero(field: str, estimate: Estimate | None) -> Iterator[Contradiction]:
    if estimate is not None and estimate.value < 0:
        yield Contradiction(field, f"is {estimate.value:.6g}, below 0")


def _not_above_zero(field: str, estimate: Estimate | None) -> Iterator[Contradiction]:
    if estimate is not None and estimate.value <= 0:
        yield Contradiction(field, f"is {estimate.value:.6g}, not above 0")


def _of_repeats(repeats: Sequence[Repeat]) -> Iterator[Contradiction]:
    for number, repeat in enumerate(repeats):
        place = f"repeats[{number}]"
        if repeat.time_s <= 0:
            yield Contradiction(
                f"{place}.end_s",
                f"{repeat.end_s:.6f} is not after start_s {repeat.start_s:.6f}",
            )
        for name, joules in repeat.components_j.items():
            if joules < 0:
                yield Contradiction(f"{place}.components_j.{name}", f"is {joules:.6g}, below 0")
        if repeat.energy_j is None:
            continue
        if repeat.energy_j < 0:
            yield Contradiction(f"{place}.energy_j", f"is {repeat.energy_j:.6g}, below 0")
        parts_j = math.fsum(repeat.components_j.values())
        if repeat.components_j:
            yield from _differs(
                f"{place}.energy_j", repeat.energy_j, parts_j, "the sum of its components_j"
            )


def _overlaps(result: Measurement) -> Iterator[Contradiction]:
    """A second belongs to at most one repeat. Overlapping blocks have a doubt about the overlap."""
    if any(doubt.code == "blocks-overlap" for doubt in result.doubts):
        return
    order = sorted(range(len(result.repeats)), key=lambda number: result.repeats[number].start_s)
    for earlier, later in itertools.pairwise(order):
        begins_s, ends_s = result.repeats[later].start_s, result.repeats[earlier].end_s
        if begins_s < ends_s - _ROUNDING:
            yield Contradiction(
                f"repeats[{later}].start_s",
                f"{begins_s:.6f} is before repeats[{earlier}].end_s {ends_s:.6f}",
            )


def refuse_windows(
    windows: Sequence[Window], first_s: float | None, last_s: float | None, where: str
) -> None:
    """Raise BadInput for a repeat outside the time of its samples.

    first_s, last_s  of the samples; None without samples
    """
    if first_s is None or last_s is None:
        return
    for number, window in enumerate(windows):
        if window.label != REPEAT:
            continue
        if window.start_s < first_s - _UNSAMPLED_S or window.end_s > last_s + _UNSAMPLED_S:
            raise BadInput(
                f"{where}: windows[{number}]",
                f"is a repeat from {window.start_s:.3f} to {window.end_s:.3f} s, and the samples "
                f"are from {first_s:.3f} to {last_s:.3f} s",
                _REMEDY,
            )


# ---------------------------------------------------------------- totals and their parts


def _differs(field: str, total: float, parts: float, parts_name: str) -> Iterator[Contradiction]:
    """A contradiction if the total differs from the number that its parts give."""
    if not math.isclose(total, parts, rel_tol=_ROUNDING_REL, abs_tol=_ROUNDING):
        yield Contradiction(field, f"is {_figure(total)}, and {parts_name} is {_figure(parts)}")


def _figure(number: float) -> str:
    return f"{number:.9g}"


def _totals_and_repeats(result: Measurement) -> Iterator[Contradiction]:
    """Time, energy and components beside the mean of the repeats."""
    times_s = [repeat.time_s for repeat in result.repeats]
    yield from _differs("time_s", result.time_s.value, _mean(times_s), "the mean of its repeats")
    complete = [repeat for repeat in result.repeats if repeat.energy_j is not None]
    if (result.energy_j is None) != (not complete):
        stated = "is null" if result.energy_j is None else f"is {_figure(result.energy_j.value)}"
        number = f"{len(complete)} of {len(result.repeats)} repeats have an energy"
        yield Contradiction("energy_j", f"{stated}, and {number}")
    if result.energy_j is None or not complete:
        return
    mean_j = _mean([repeat.energy_j or 0.0 for repeat in complete])
    yield from _differs("energy_j", result.energy_j.value, mean_j, "the mean of its repeats")
    yield from _components(result.components_j, complete)
    power_w = sum(repeat.energy_j or 0.0 for repeat in complete) / sum(
        repeat.time_s for repeat in complete
    )
    if result.power_w is not None:
        name = "energy over time" if result.nodes == 1 else "energy over time and nodes"
        yield from _differs("power_w", result.power_w.value, power_w / result.nodes, name)


def _components(
    components_j: Mapping[str, Estimate], complete: Sequence[Repeat]
) -> Iterator[Contradiction]:
    in_each = set.intersection(*(set(repeat.components_j) for repeat in complete))
    for name in sorted(in_each - components_j.keys()):
        yield Contradiction(f"components_j.{name}", "is missing, and each of its repeats has it")
    for name, energy_j in components_j.items():
        if not any(name in repeat.components_j for repeat in complete):
            yield Contradiction(f"components_j.{name}", "is stated, and none of its repeats has it")
        parts = [
            joules for repeat in complete if (joules := repeat.components_j.get(name)) is not None
        ]
        if len(parts) == len(complete):
            yield from _differs(
                f"components_j.{name}", energy_j.value, _mean(parts), "the mean of its repeats"
            )


def _quotients(result: Measurement) -> Iterator[Contradiction]:
    """Energy for each unit of work, and units of work for each second, compared with the
    repeats.
    """
    works = [repeat.work for repeat in result.repeats]
    amounts = [work.amount for work in works if work is not None]
    if len(amounts) != len(works):
        return
    if result.work is not None:
        yield from _differs(
            "work.amount", result.work.amount, _mean(amounts), "the mean of its repeats"
        )
    if result.work_per_s is not None:
        rate = sum(amounts) / sum(repeat.time_s for repeat in result.repeats)
        yield from _differs("work_per_s", result.work_per_s.value, rate, "work over time")
    costs_j = [
        repeat.energy_j / amount
        for repeat, amount in zip(result.repeats, amounts, strict=True)
        if repeat.energy_j is not None
    ]
    if result.energy_per_work_j is not None and costs_j:
        yield from _differs(
            "energy_per_work_j",
            result.energy_per_work_j.value,
            _mean(costs_j),
            "the mean of its repeats",
        )


def _of_idle(result: Measurement) -> Iterator[Contradiction]:
    """Idle phases, idle power, and the net energy that follows from idle power."""
    for number, idle in enumerate(result.idles):
        yield from _below_zero(f"idles[{number}].power_w", idle.power_w)
        if idle.end_s < idle.start_s:
            yield Contradiction(
                f"idles[{number}].end_s", f"{idle.end_s:.6f} is before start_s {idle.start_s:.6f}"
            )
    idle_w = result.idle_power_w
    if idle_w is not None and result.idles:
        mean_w = _mean([idle.power_w.value for idle in result.idles])
        yield from _differs("idle_power_w", idle_w.value, mean_w, "the mean of its idle phases")
    if result.net_energy_j is None or result.energy_j is None:
        return
    if idle_w is None:
        yield Contradiction("net_energy_j", "is stated without idle_power_w")
        return
    net_j = result.energy_j.value - idle_w.value * result.nodes * result.time_s.value
    yield from _differs(
        "net_energy_j", result.net_energy_j.value, net_j, "energy less idle power over the time"
    )


def _of_shares(result: Measurement) -> Iterator[Contradiction]:
    """The nodes of a job compared with their number and their times."""
    if result.shares and len(result.shares) != result.nodes:
        yield Contradiction(
            "nodes", f"is {result.nodes}, and there are {len(result.shares)} shares"
        )
    names: set[str] = set()
    for number, share in enumerate(result.shares):
        place = f"shares[{number}]"
        if share.node in names:
            yield Contradiction(f"{place}.node", f"is {share.node}, which stands there twice")
        names.add(share.node)
        yield from _below_zero(f"{place}.energy_j", share.energy_j)
        if not -_ROUNDING <= share.covered_s <= share.window_s + _ROUNDING:
            yield Contradiction(
                f"{place}.covered_s",
                f"is {_figure(share.covered_s)}, outside 0 to window_s {_figure(share.window_s)}",
            )
        if share.host is not None and not 0 <= share.host < len(result.hosts):
            yield Contradiction(f"{place}.host", f"is {share.host}, of {len(result.hosts)} hosts")


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


# ---------------------------------------------------------------- derived results


def _of_comparison(result: Comparison) -> Iterator[Contradiction]:
    yield from _not_above_zero("speedup", result.speedup)
    yield from _below_zero("energy_ratio", result.energy_ratio)
    for number, hours in enumerate(result.node_hours):
        if hours <= 0:
            yield Contradiction(f"node_hours[{number}]", f"is {hours:.6g}, not above 0")
    for name in ("power_w", "idle_power_w"):
        for number, power_w in enumerate(getattr(result, name)):
            yield from _below_zero(f"{name}[{number}]", power_w)


def _of_study(result: Study) -> Iterator[Contradiction]:
    yield from _below_zero("idle_power_w", result.idle_power_w)
    for number, cell in enumerate(result.cells):
        for place, run in enumerate(cell.runs):
            yield from _of_study_run(run, f"cells[{number}].runs[{place}]")
        for place, ratio in enumerate(cell.ratios):
            here = f"cells[{number}].ratios[{place}]"
            yield from _not_above_zero(f"{here}.speedup", ratio.speedup)
            yield from _below_zero(f"{here}.energy_ratio", ratio.energy_ratio)


def _of_study_run(run: StudyRun, place: str) -> Iterator[Contradiction]:
    yield from _not_above_zero(f"{place}.time_s", run.time_s)
    yield from _below_zero(f"{place}.energy_j", run.energy_j)
    if run.memory is not None:
        yield from _below_zero(f"{place}.memory.peak_bytes", run.memory.peak_bytes)
        yield from _below_zero(f"{place}.memory.extra_bytes", run.memory.extra_bytes)
    if run.repeats < 0:
        yield Contradiction(f"{place}.repeats", f"is {run.repeats}, below 0")
