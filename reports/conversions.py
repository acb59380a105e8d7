"""Quantities in the form of other projects' tools: kWh, sums of components, a run's mass of CO2e.

Every result is an estimate: effects are combined by key, as everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from energybench.analysis.uncertainty.effects import scale
from energybench.analysis.uncertainty.propagation import propagate
from energybench.model import Document, Estimate, Host, Measurement, Projection

J_PER_KWH = 3.6e6
INTENSITY_UNIT = "g/kWh"


def kilowatt_hours(energy_j: Estimate | None) -> Estimate | None:
    return None if energy_j is None else scale(energy_j, 1 / J_PER_KWH)


def component_j(run: Measurement, names: Sequence[str]) -> Estimate | None:
    """Summed energy of the named components, J; None if no component was measured."""
    parts = {name: run.components_j[name] for name in names if name in run.components_j}
    if len(parts) < 2:
        return next(iter(parts.values()), None)
    return propagate(lambda at: sum(at[name] for name in parts), parts)


def mean_power_w(energy_j: Estimate | None, time_s: Estimate) -> Estimate | None:
    """Energy over time; None if the energy was not measured or the time is 0."""
    if energy_j is None or time_s.value == 0:
        return None
    return propagate(lambda at: at["energy"] / at["time"], {"energy": energy_j, "time": time_s})


def product(first: Estimate | None, second: Estimate | None, factor: float = 1) -> Estimate | None:
    """first x second x factor; None if a factor is None."""
    if first is None or second is None:
        return None
    return propagate(lambda at: at["a"] * at["b"] * factor, {"a": first, "b": second})


def idle_j(run: Measurement) -> tuple[Estimate, float] | None:
    """Energy at idle power for the duration of the run's idle phases, J, and the duration, s. None
    for a run without idle power, and for several nodes, because the phases belong to a single node.
    """
    seconds = sum(idle.end_s - idle.start_s for idle in run.idles)
    if run.idle_power_w is None or seconds == 0 or run.nodes != 1:
        return None
    return scale(run.idle_power_w, seconds), seconds


def carbon_intensity(document: Document, run: Measurement) -> Estimate | None:
    """The carbon intensity in the document's projections with this run, g/kWh; None without a
    single value: no run says where its electricity came from.
    """
    stated: dict[tuple[float, float, float], Estimate] = {}
    for projection in document.of(Projection):
        if not any(run.id in pair for pair in projection.comparisons):
            continue
        for step in projection.lines:
            for entry in step.inputs:
                if entry.unit == INTENSITY_UNIT and not entry.above:
                    value = entry.value
                    stated[value.value, value.low, value.high] = value
    return next(iter(stated.values())) if len(stated) == 1 else None


def nodes_by_host(run: Measurement) -> list[tuple[Host, int]]:
    """Each kind of node of a run, and the number of nodes of that kind."""
    if not run.hosts:
        return [(run.host, run.nodes)]
    counts = Counter(share.host for share in run.shares if share.host is not None)
    return [(run.hosts[place], count) for place, count in sorted(counts.items())]


def start_of(run: Measurement, form: str) -> str:
    """Start of the run, in UTC, as `datetime.strftime` writes it; "" if unknown."""
    return utc(run.host.started_utc or "", form)


def utc(text: str, form: str) -> str:
    """A time in ISO 8601 in another form, in UTC; "" if the text is not such a time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.strftime(form)
