"""A result in a few lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from energybench.analysis.comparison.node_time import node_time_ratio
from energybench.cli import node_summary
from energybench.cli.doubt_lines import doubts
from energybench.foreign_text import displayed, visible
from energybench.model import (
    MISCOUNTED,
    SCATTER_UNKNOWN,
    Claim,
    Comparison,
    Doubt,
    Estimate,
    Measurement,
    Roofline,
    WorkRecord,
    stamp_words,
    verdict_words,
)
from energybench.units import percent, relative, show, show_value

_MODELLED = {
    "measured": "",
    "mixed": " (partly modelled)",
    "estimated": " (estimated: time x assumed power)",
    None: "",
}

# Words for the verdict on a published figure.
CLAIM_VERDICTS = {
    "consistent": "consistent with it",
    "needs": "needs more than was published",
    "contradicts": "contradicts itself",
    "cannot-be-derived": "cannot be derived",
}

# The same words for a number of figures.
CLAIM_COUNTS = {
    "consistent": "consistent",
    "fixes": "fix a quantity that no other figure tests",
    "needs": "need more than was published",
    "contradicts": "contradict themselves",
    "cannot-be-derived": "cannot be derived",
}


def claim_verdict(claim: Claim, *, replayed: bool) -> str:
    """The verdict in words. A figure that alone determines an open quantity would be consistent
    whatever it were.

    replayed  whether the inputs of the claim come from a recording
    """
    if claim.fixes and claim.verdict == "consistent":
        return f"fixes {' and '.join(claim.fixes)}, no evidence"
    return verdict_words(CLAIM_VERDICTS[claim.verdict], replayed=replayed)


def count_of(claim: Claim) -> str:
    """The key of CLAIM_COUNTS under which a claim counts."""
    return "fixes" if claim.fixes and claim.verdict == "consistent" else claim.verdict


def measurement(result: Measurement) -> str:
    """Energy first, then the parts, then the doubts. Of a job, first how much of it was read."""
    result = displayed(result)
    node = " per node" if result.nodes > 1 else ""
    lines = [f"{result.label}: {read}"] if (read := node_summary.coverage_line(result)) else []
    lines += [
        _headline(result),
        f"  time {show(result.time_s, 's')}   power {show(result.power_w, 'W')}{node}   repeats "
        f"{0 if result.partial else len(result.repeats)}",
    ]
    if result.idle_power_w is not None:
        # net energy is computed, not measured; the doubts say why it is refused
        net = show(result.net_energy_j, "J") if result.net_energy_j is not None else "not given"
        lines.append(f"  idle {show(result.idle_power_w, 'W')}{node}   net {net}")
    lines += node_summary.table(result)
    lines += _work(result) + _roofline(result.roofline)
    lines += [f"  {name:<18} {show(energy, 'J')}" for name, energy in result.components_j.items()]
    for check in result.verification:
        value = "not a number" if check.value is None else f"{check.value:.3g}"
        lines.append(
            f"  check {check.quantity}: {value} (tolerance {check.tolerance:.3g}) "
            f"{'passed' if check.passed else 'FAILED'}"
        )
    lines += (
        _regions(result) + _record(result.record) + _largest(result.energy_j, "J", runs=(result,))
    )
    return "\n".join([*map(visible, lines), *doubts(result.doubts)])


def _headline(result: Measurement) -> str:
    span = "of a part of a repeat" if result.partial else "per repeat"
    if result.perhaps_whole:
        span = "of a repeat that may not be whole"
    energy = show(result.energy_j, "J")
    on_nodes = f" on {result.nodes} nodes" if result.nodes > 1 else ""
    stamps = _stamps(result)
    line = f"{stamps}{result.label}: energy {span}{on_nodes} {energy}{_modelled(result)}"
    if result.energy_j is not None:
        line += f"   {relative(result.energy_j)}"
    if result.failed_checks:
        line += "   CHECK FAILED: not the work that was asked for"
    return line


def _modelled(result: Measurement) -> str:
    """How much of the energy is modelled: with its share if the share is large."""
    # late: `energybench --help` grades nothing
    from energybench.grading.modelled_share import large_modelled_words

    if share := large_modelled_words(result):
        return f" (modelled, not measured: {share})"
    return _MODELLED[result.quality]


def _stamps(result: Measurement) -> str:
    """Stamps that the rest of the text does not say: it says that a power is assumed, and how many
    repeats there were.
    """
    codes = ("replayed", "partly-estimated")
    return stamp_words(stamp for stamp in result.stamps if stamp.code in codes)


def _work(result: Measurement) -> list[str]:
    """Energy per unit of work, and the units of work in a repeat."""
    if result.energy_per_work_j is None or result.work is None:
        return []
    unit = result.work.unit
    if result.failed_checks:
        energy = f"no energy per {unit}: the check failed"
    else:
        energy = f"{show(result.energy_per_work_j, 'J')} per {unit}"
    return [f"  {energy}   {_rate(result)}a repeat holds {result.work.amount:g}"]


def _rate(result: Measurement) -> str:
    """'3.23 sample/s [3.19, 3.27]   '; empty if a repeat is a single unit of work, because the time
    tells the rate.
    """
    if (
        result.work is None
        or result.work_per_s is None
        or result.work.amount == 1
        or result.failed_checks
    ):
        return ""
    return f"{show(result.work_per_s, f'{result.work.unit}/s')}   "


def _regions(result: Measurement) -> list[str]:
    """Shares of the workload's regions in the repeats' time; reports show the energies."""
    total_s = sum(repeat.time_s for repeat in result.repeats)
    if not total_s:
        return []
    shares = {
        region.label: region.count * region.time_s / total_s
        for region in result.regions
        if region.in_repeat
    }
    words = ", ".join(f"{label} {share:.0%}" for label, share in shares.items() if share >= 0.005)
    return [f"  of a repeat's time: {words}"] if words else []


def _record(record: WorkRecord | None) -> list[str]:
    """Figures, notes and statements of the workload, word for word: a privacy statement is to be
    read beside the energy.
    """
    if record is None:
        return []
    lines = []
    if record.figures:
        figures = ", ".join(f"{name} {value:.6g}" for name, value in record.figures.items())
        lines.append(f"  figures {figures}")
    lines += [f"  note {note}" for note in record.notes]
    for topic, words in record.statement.items():
        text = "; ".join(words) if isinstance(words, tuple) else words
        lines.append(f"  stated {topic}: {text}")
    return lines


def _roofline(roofline: Roofline | None) -> list[str]:
    """The run's share of the machine's limit, and the energy of a flop and of a byte."""
    if roofline is None:
        return []
    words = []
    if roofline.share is not None:
        if roofline.binds == "bandwidth":
            name, limit, unit = "bandwidth", roofline.bandwidth_byte_per_s, "B/s"
        else:
            name = f"{roofline.arithmetic} matrix rate"
            limit, unit = roofline.rate_flop_per_s, "flop/s"
        words.append(
            f"{percent(roofline.share)} of the {name} this device reaches "
            f"({show_value(limit.value if limit else None, unit)})"
        )
    elif roofline.device is None:
        words.append("share of the machine's limit not known: energybench calibrate --limits-only")
    if roofline.energy_per_flop_j:
        words.append(show(roofline.energy_per_flop_j, "J") + " per flop")
    if roofline.energy_per_byte_j:
        words.append(show(roofline.energy_per_byte_j, "J") + " per byte")
    return ["  " + "   ".join(words)] if words else []


def per_work(result: Measurement) -> str:
    """Energy per unit of work, as a line: the compared quantity, because repeats may hold different
    amounts of work.
    """
    if result.energy_per_work_j is None or result.work is None or result.failed_checks:
        return visible(_headline(displayed(result)))
    energy = show(result.energy_per_work_j, "J")
    note = _MODELLED["estimated"] if result.quality == "estimated" else ""
    label, unit = displayed((result.label, result.work.unit))
    return f"{_stamps(result)}{label}: {energy} per {unit}{note}"


def comparison(result: Comparison) -> str:
    """The energy ratio and the verdict, then the figures behind the ratio, then the doubts."""
    baseline, candidate = displayed(result.labels)
    lines = [
        f"{stamp_words(result.stamps)}{baseline} → {candidate}: {result.title} "
        f"{_ratio(result.energy_ratio, result)}   speedup {_ratio(result.speedup, result)}"
    ]
    pairs = f", {result.paired} pairs" if result.paired else ""
    lines.append(
        f"  verdict: {_verdict(result)} (margin "
        f"±{result.margin:.0%}, boundary {result.boundary}{pairs})"
    )
    lines += [
        f"  {displayed(second.label)}: {_ratio(second.energy_ratio, result)}"
        for second in result.second_lines
    ]
    if result.net_energy_ratio is not None:
        lines.append(f"  net (idle subtracted): {_ratio(result.net_energy_ratio, result)}")
    lines.append(
        f"  time x nodes, baseline over candidate: {_ratio(node_time_ratio(result), result)}   "
        f"energy-delay ratio {_ratio(result.energy_delay_ratio, result)}"
    )
    if _has_scatter(result.energy_ratio, result):
        lines += _largest(result.energy_ratio, ratio=True)
    return "\n".join([*map(visible, lines), *doubts(_together(result))])


def _ratio(estimate: Estimate | None, result: Comparison) -> str:
    """A ratio with its interval. An interval without any scatter is not printed, for readers would
    take it for the interval of the ratio.
    """
    if estimate is None or _has_scatter(estimate, result):
        return show(estimate)
    return f"{estimate.value:.4g} (scatter not known)"


def _has_scatter(estimate: Estimate | None, result: Comparison) -> bool:
    """Whether the interval of a ratio holds the scatter of both sides, measured or assumed."""
    effects = estimate.effects if estimate is not None else ()
    return result.scatter_known or any(effect.kind == "assumed-scatter" for effect in effects)


def _verdict(result: Comparison) -> str:
    """The verdict, with the reason if the interval is not the reason."""
    if not result.counted_once:
        return f"none: {MISCOUNTED}"
    if result.verdict is None:
        return "none: a side has no energy sensor"
    if not result.scatter_known:
        return f"{result.verdict}: {SCATTER_UNKNOWN}"
    return verdict_words(result.verdict, replayed=result.replayed)


def _largest(
    estimate: Estimate | None,
    unit: str = "",
    *,
    ratio: bool = False,
    runs: Sequence[Measurement] = (),
) -> list[str]:
    """The effect with the largest share of the interval, and a remedy."""
    # late: `energybench --help` needs no numpy
    from energybench.analysis.uncertainty.budget import largest, words

    first = largest(estimate, ratio=ratio, runs=runs) if estimate is not None else None
    if first is None or estimate is None:
        return []
    return [f"  widest part of the interval: {words(first, estimate, unit)}"]


def answer(result: Comparison) -> str:
    """The comparison without the supporting figures."""
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
