"""A result in a few lines for a terminal."""

from __future__ import annotations

from collections import Counter

import msgspec

from energybench.model import Comparison, Doubt, Estimate, Measurement, Roofline, WorkRecord
from energybench.units import percent, relative, show, show_value

# characters of a repeated doubt: subject and first thought, one line of a terminal with its code
_SHORT = 72


def measurement(result: Measurement) -> str:
    """Energy first, then what it is made of, then what weakens it."""
    word = {
        "measured": "",
        "mixed": " (partly modelled)",
        "estimated": " (estimated: time x assumed power)",
        None: "",
    }[result.quality]
    span = "of a part of a repeat" if result.partial else "per repeat"
    lines = [f"{result.label}: energy {span} {show(result.energy_j, 'J')}{word}"]
    if result.energy_j is not None:
        lines[0] += f"   {relative(result.energy_j)}"
    if result.failed_checks:
        lines[0] += "   CHECK FAILED: not the work that was asked for"
    lines.append(
        f"  time {show(result.time_s, 's')}   power {show(result.power_w, 'W')}   repeats "
        f"{0 if result.partial else len(result.repeats)}"
    )
    if result.idle_power_w is not None:
        lines.append(
            f"  idle {show(result.idle_power_w, 'W')}   net {show(result.net_energy_j, 'J')}"
        )
    if result.energy_per_work_j is not None and result.work is not None:
        unit = result.work.unit
        each = (
            f"no energy per {unit}: the check failed"
            if result.failed_checks
            else f"{show(result.energy_per_work_j, 'J')} per {unit}"
        )
        lines.append(f"  {each}   {_rate(result)}a repeat holds {result.work.amount:g}")
    lines += _roofline(result.roofline)
    for name, energy in result.components_j.items():
        lines.append(f"  {name:<18} {show(energy, 'J')}")
    for check in result.verification:
        value = "not a number" if check.value is None else f"{check.value:.3g}"
        lines.append(
            f"  check {check.quantity}: {value} (tolerance {check.tolerance:.3g}) "
            f"{'passed' if check.passed else 'FAILED'}"
        )
    lines += _regions(result) + _record(result.record) + _largest(result.energy_j, "J")
    return "\n".join(lines + doubts(result.doubts))


def _rate(result: Measurement) -> str:
    """'3.23 sample/s [3.19, 3.27]   '; of a repeat that is one unit of work the time says it."""
    if (
        result.work is None
        or result.work_per_s is None
        or result.work.amount == 1
        or result.failed_checks
    ):
        return ""
    return f"{show(result.work_per_s, f'{result.work.unit}/s')}   "


def _regions(result: Measurement) -> list[str]:
    """What the workload's regions take of the repeats' time; their energies stand in reports."""
    whole = sum(repeat.time_s for repeat in result.repeats)
    shares = (
        {
            region.label: region.count * region.time_s / whole
            for region in result.regions
            if region.in_repeat
        }
        if whole
        else {}
    )
    said = ", ".join(f"{label} {share:.0%}" for label, share in shares.items() if share >= 0.005)
    return [f"  of a repeat's time: {said}"] if said else []


def _record(kept: WorkRecord | None) -> list[str]:
    """What the workload states of its run, word for word: a privacy statement is to be read beside
    its energy.
    """
    if kept is None:
        return []
    figures = ", ".join(f"{name} {value:.6g}" for name, value in kept.figures.items())
    said = {
        topic: "; ".join(words) if isinstance(words, tuple) else words
        for topic, words in kept.statement.items()
    }
    notes = [f"  note {note}" for note in kept.notes]
    return (
        [f"  figures {figures}"] * bool(figures)
        + notes
        + [f"  stated {topic}: {words}" for topic, words in said.items()]
    )


def _roofline(found: Roofline | None) -> list[str]:
    """How near to its machine's limit the run came, and what a flop and a byte of it cost."""
    if found is None:
        return []
    words = []
    if found.share is not None:
        limit, unit = (
            (found.bandwidth_byte_per_s, "B/s")
            if found.binds == "bandwidth"
            else (found.rate_flop_per_s, "flop/s")
        )
        name = "bandwidth" if found.binds == "bandwidth" else f"{found.arithmetic} matrix rate"
        words.append(
            f"{percent(found.share)} of the {name} this device reaches "
            f"({show_value(limit.value if limit else None, unit)})"
        )
    elif found.device is None:
        words.append("share of the machine's limit not known: energybench calibrate --limits-only")
    words += [show(found.energy_per_flop_j, "J") + " per flop"] if found.energy_per_flop_j else []
    words += [show(found.energy_per_byte_j, "J") + " per byte"] if found.energy_per_byte_j else []
    return ["  " + "   ".join(words)] if words else []


def per_work(result: Measurement) -> str:
    """One line: energy for a unit of work, which is what comparing compares (repeats may hold other
    amounts of it).
    """
    if result.energy_per_work_j is None or result.work is None or result.failed_checks:
        return measurement(result).split("\n")[0]
    word = " (estimated: time x assumed power)" if result.quality == "estimated" else ""
    return f"{result.label}: {show(result.energy_per_work_j, 'J')} per {result.work.unit}{word}"


def comparison(result: Comparison) -> str:
    """The answer in one line, then its supports."""
    baseline, candidate = result.labels
    lines = [
        f"{baseline} → {candidate}: {result.title} {show(result.energy_ratio)}   speedup "
        f"{show(result.speedup)}"
    ]
    pairs = f", {result.paired} pairs" if result.paired else ""
    lines.append(
        f"  verdict: {result.verdict or 'none: a side has no energy sensor'} (margin "
        f"±{result.margin:.0%}, boundary {result.boundary}{pairs})"
    )
    lines += [f"  {second.label}: {show(second.energy_ratio)}" for second in result.second_lines]
    if result.net_energy_ratio is not None:
        lines.append(f"  net (idle subtracted): {show(result.net_energy_ratio)}")
    hours = " → ".join(show_value(value * 3600, "s") for value in result.node_hours)
    lines.append(
        f"  node time for the same work: {hours}   energy-delay ratio "
        f"{show(result.energy_delay_ratio)}"
    )
    lines += _largest(result.energy_ratio, ratio=True)
    return "\n".join(lines + doubts(_together(result)))


def _largest(estimate: Estimate | None, unit: str = "", *, ratio: bool = False) -> list[str]:
    """What widens the interval most, and what would mend that."""
    from energybench.analysis.uncertainty.budget import (
        largest,
        words,
    )  # late: `energybench --help` needs no numpy

    first = largest(estimate, ratio=ratio) if estimate is not None else None
    return (
        [f"  widest part of the interval: {words(first, estimate, unit)}"]
        if first is not None and estimate is not None
        else []
    )


def answer(result: Comparison) -> str:
    """The comparison without its supports."""
    return "\n".join(comparison(result).split("\n")[:2])


def _together(result: Comparison) -> tuple[Doubt, ...]:
    """The doubts of a comparison; a doubt that both sides carry stands once."""
    sides = Counter((doubt.code, doubt.own_message) for doubt in result.doubts if doubt.about)
    distinct: dict[tuple[str, str], Doubt] = {}
    for doubt in result.doubts:
        identity = (doubt.code, doubt.own_message)
        if sides[identity] > 1:
            own = msgspec.structs.replace(doubt, message=doubt.own_message, about=())
            doubt = own.carried_from("both sides")
        distinct.setdefault(identity, doubt)
    return tuple(distinct.values())


def doubts(found: tuple[Doubt, ...]) -> list[str]:
    """One line each, with the remedy.

    A model's description and a long remedy are said in full the first time, and shortened after.
    """
    lines: list[str] = []
    said: set[tuple[str, str]] = set()
    for doubt in found:
        again = (doubt.code, doubt.remedy) in said
        message = shortened(doubt.message) if again else doubt.message
        lines.append(
            f"  doubt [{doubt.code}] {message}"
            + (" → as above" if again else f" → {doubt.remedy}") * bool(doubt.remedy)
        )
        said.add((doubt.code, doubt.remedy))
    return lines


def shortened(message: str) -> str:
    """What a repeated doubt needs to be told from the first: up to the first full thought after its
    subject.
    """
    if len(message) <= _SHORT:
        return message
    cut = max(message.rfind(mark, 0, _SHORT) for mark in (": ", ", ", "; ", " "))
    return message[: cut if cut > 0 else _SHORT].rstrip(" ,;:") + " …"
