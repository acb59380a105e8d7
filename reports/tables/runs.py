"""Rows of a measurement."""

from __future__ import annotations

from collections.abc import Iterator

from energybench.model import NOT_READ, Measurement, Roofline, quality_of
from energybench_reports.tables.row import (
    Result,
    Row,
    codes,
    estimate,
    exact,
    line,
    timed,
    words,
)

_HIGHEST = "highest mean over 1 s within the repeats"


def rows(run: Measurement) -> Iterator[Row]:
    """Every number of a run that has an interval or is exact.

    Single repeats, times of regions and statistics of channels have neither: they stand in `json`.
    """
    about = _about(run)
    unit_of_work = run.work.unit if run.work else ""
    # neither price nor rate of work that was not done
    per_work_j, rate = run.energy_per_work_j, run.work_per_s
    if run.failed_checks:
        per_work_j, rate = None, None
    yield estimate(about, "energy", run.energy_j, "J")
    yield estimate(about, "net_energy", run.net_energy_j, "J")
    yield timed(estimate(about, "time", run.time_s, "s"))
    yield estimate(about, "power", run.power_w, "W")
    if run.highest_power_w is not None:
        yield estimate(about, "highest_power", run.highest_power_w, "W", source=_HIGHEST)
    if run.accelerators_j is not None:
        yield estimate(about, "accelerators_energy", run.accelerators_j, "J")
    yield estimate(about, "idle_power", run.idle_power_w, "W")
    yield estimate(about, "energy_per_work", per_work_j, "J", of=unit_of_work)
    yield timed(estimate(about, "work_rate", rate, "1/s", of=unit_of_work))
    for component, energy_j in run.components_j.items():
        row = estimate(about, "component_energy", energy_j, "J", of=component)
        own = quality_of(part for part in run.boundary.parts if part.reported_as == component)
        if component == NOT_READ:
            own = "estimated"
        yield row._replace(own_quality=own or "")
    for share in run.shares:
        yield estimate(about, "node_energy", share.energy_j, "J", of=share.node)
    for region in run.regions:
        yield estimate(about, "region_energy", region.energy_j, "J", of=region.label)
        yield exact(about, "region_occurrences", region.count, of=region.label)
    for idle in run.idles:
        yield estimate(about, "idle_phase_power", idle.power_w, "W", of=idle.state)
    if run.work is not None:
        yield exact(about, "work", run.work.amount, of=unit_of_work)
        yield exact(about, "work_flops", run.work.flops, "flop", of=unit_of_work)
        yield exact(about, "work_bytes", run.work.bytes, "B", of=unit_of_work)
    yield exact(about, "repeats", len(run.repeats))
    yield exact(about, "nodes", run.nodes)
    if run.roofline is not None:
        yield from _roofline(about, run.roofline)
    for check in run.verification:
        verdict = "pass" if check.passed else "fail"
        yield exact(about, "check", check.value, of=check.quantity, verdict=verdict)
        yield exact(about, "check_tolerance", check.tolerance, of=check.quantity)
    if run.record is not None:
        for name, figure in run.record.figures.items():
            yield exact(about, "record_figure", figure, of=name)


def _about(run: Measurement) -> Result:
    workload = ""
    if run.workload is not None:
        workload = f"{run.workload.name} {run.workload.size} {run.workload.device}"
    elif run.command:
        workload = run.command[0]
    return Result(
        kind="measurement",
        result=line(run.id),
        label=line(run.label),
        host=line(run.host.name),
        workload=line(workload),
        problem=line(run.work.fingerprint) if run.work else "",
        quality=run.quality or "",
        boundary=run.boundary.name,
        doubts=codes(run.doubts),
        stamps=codes(run.stamps),
        stamped=words(run.stamps),
        replayed=run.replayed,
    )


def _roofline(about: Result, roofline: Roofline) -> Iterator[Row]:
    of = roofline.name or ""
    yield estimate(about, "limit_bandwidth", roofline.bandwidth_byte_per_s, "B/s", of=of)
    yield estimate(about, "limit_rate", roofline.rate_flop_per_s, "flop/s", of=of)
    yield estimate(about, "limit_bound", roofline.bound_flop_per_s, "flop/s", of=of)
    yield estimate(about, "byte_rate", roofline.byte_per_s, "B/s", of=of)
    yield estimate(about, "flop_rate", roofline.flop_per_s, "flop/s", of=of)
    yield estimate(about, "energy_per_flop", roofline.energy_per_flop_j, "J/flop", of=of)
    yield estimate(about, "energy_per_byte", roofline.energy_per_byte_j, "J/B", of=of)
    yield exact(about, "intensity", roofline.intensity_flop_per_byte, "flop/B", of=of)
    yield estimate(about, "share_of_bandwidth", roofline.share_of_bandwidth, of=of)
    yield estimate(about, "share_of_rate", roofline.share_of_rate, of=of)
    yield estimate(about, "share_of_limit", roofline.share, of=of)
