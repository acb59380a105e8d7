"""The headline of a run: its energy in words."""

from __future__ import annotations

from energybench.model import TIME_X_ASSUMED_POWER, Estimate, Measurement, stamp_words
from energybench.units import show
from energybench_reports.view import modelled, nodes
from energybench_reports.view.layout import Answer
from energybench_reports.view.measurement import ALONE, HIGHEST, coverage, quality_of, verified
from energybench_reports.view.wording import (
    TableCell,
    Tone,
    amount,
    counted,
    listed,
    plain,
    value,
)

_NO_SENSOR = "No sensor measured the power: the time was measured, the energy was not."
_NOT_DONE = "This is not the energy of the work that was asked for: the check of"


def answer(measurement: Measurement, label: str) -> Answer:
    """The energy of a run: the headline of a report without a comparison. It is that of a unit of
    work or, if the work is not known or was not done, that of a repeat.
    """
    figure, name = _figure(measurement)
    estimated = measurement.quality == "estimated"
    verdicts, verdict_words, tone = _verdicts(measurement)
    read = nodes.read_words(measurement)
    of_nodes = (("nodes read", read),) if read is not None else ()
    # a repeat of one unit of work has the energy of the headline
    of_repeat: tuple[tuple[str, TableCell], ...] = ()
    if measurement.work is not None and measurement.work.amount != 1 and _has_price(measurement):
        of_repeat = ((_repeat_name(measurement), value(measurement.energy_j, "J")),)
    facts = (
        *of_nodes,
        *of_repeat,
        *_in_accelerators(measurement),
        ("time", value(measurement.time_s, "s")),
        (f"mean power{nodes.per_node([measurement])}", value(measurement.power_w, "W")),
        *_highest(measurement),
        ("check of the result", verified(measurement)),
        *modelled.facts([measurement]),
    )
    begin = f"{stamp_words(measurement.stamps)}{label}: "
    if read is not None:
        begin += f"{read.line} read; "
    share = modelled.words([measurement])
    return Answer(
        kind="measurement",
        title=label,
        figure_name=name,
        figure=value(figure, "J") if figure is not None else None,
        sentence=_sentence(measurement),
        verdict=" and ".join(verdicts),
        verdict_words=" ".join(verdict_words),
        tone=tone,
        assumed=estimated,
        facts=facts,
        line=f"{begin}{name} {show(figure, 'J')}, time {show(measurement.time_s, 's')}, quality: "
        f"{quality_of(measurement)}{share and f'; {modelled.NAME}: {share}'}",
        stamps=tuple(stamp.words for stamp in measurement.stamps),
    )


def _in_accelerators(measurement: Measurement) -> tuple[tuple[str, TableCell], ...]:
    """The narrow boundary, of a run that has a wider one too."""
    energy_j = measurement.in_accelerators_j
    return () if energy_j is None else ((ALONE, value(energy_j, "J")),)


def _highest(measurement: Measurement) -> tuple[tuple[str, TableCell], ...]:
    if measurement.highest_power_w is None:
        return ()
    return ((HIGHEST, value(measurement.highest_power_w, "W")),)


def _has_price(measurement: Measurement) -> bool:
    """Whether the headline is the energy of a unit of work."""
    return (
        measurement.energy_per_work_j is not None
        and measurement.work is not None
        and not measurement.failed_checks
        and not measurement.partial
    )


def _figure(measurement: Measurement) -> tuple[Estimate | None, str]:
    """The energy of the headline, and its name."""
    if measurement.work is None or not _has_price(measurement):
        return measurement.energy_j, _repeat_name(measurement)
    kind = TIME_X_ASSUMED_POWER if measurement.quality == "estimated" else "energy, gross,"
    return measurement.energy_per_work_j, f"{kind} per {plain(measurement.work.unit)}"


def _repeat_name(measurement: Measurement) -> str:
    if measurement.quality == "estimated":
        return TIME_X_ASSUMED_POWER
    span = "a part of a repeat" if measurement.partial else "one repeat"
    if measurement.perhaps_whole:
        span = "a repeat that may not be whole"
    on_nodes = f" on {measurement.nodes} nodes" if measurement.nodes > 1 else ""
    return f"energy of {span}{on_nodes}, gross"


def _sentence(measurement: Measurement) -> str:
    """Repeats, work and boundary; without an energy, the time alone."""
    work = ""
    if measurement.work and not measurement.failed_checks:
        work = f" for {amount(measurement.work)}"
    if measurement.energy_j is None:
        time = show(measurement.time_s, "s")
        return f"The energy of this run was not measured. The run took {time}{work}."
    repeats = "no complete repeat"
    if not measurement.partial:
        repeats = counted(len(measurement.repeats), "repeat")
    return f"{repeats}{work}; boundary: {measurement.boundary.name}, {coverage(measurement)}."


def _verdicts(measurement: Measurement) -> tuple[list[str], list[str], Tone]:
    """Reasons why the energy is not the measured energy of the work: in short, in sentences, and
    the tone.
    """
    verdicts, sentences = [], []
    tone: Tone = ""
    if measurement.quality == "estimated":
        verdicts.append("estimated")
        sentences.append(_NO_SENSOR)
        tone = "warn"
    if measurement.failed_checks:
        failed = listed(plain(quantity) for quantity in measurement.failed_checks)
        verdicts.insert(0, "check failed")
        sentences.insert(0, f"{_NOT_DONE} {failed} failed.")
        tone = "bad"
    return verdicts, sentences, tone
