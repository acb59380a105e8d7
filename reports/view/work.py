"""The work of a measurement: program and settings, checks of the result, and regions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from energybench.model import Measurement, Region, Verification
from energybench.units import show_value
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, bare, known, plain, value

Names = Mapping[str, str]


def section(measurements: Sequence[Measurement], names: Names) -> Section:
    about = (
        "Two measurements did the same work only if the fingerprints of the problem are equal and "
        "the checks passed on both sides."
    )
    tables = (
        _runs(measurements, names),
        _checks(measurements, names),
        _regions(measurements, names),
    )
    return Section("work", "Work and its check", about, tables if measurements else (), detail=True)


def _runs(measurements: Sequence[Measurement], names: Names) -> Table:
    head = (
        "measurement",
        "workload",
        "size",
        "device",
        "settings",
        "command",
        "flops",
        "bytes",
        "precision",
        "fingerprint of the problem",
    )
    rows = tuple(
        (
            TableCell(names[m.id]),
            *_workload(m),
            known(" ".join(m.command) if m.command else None),
            *_counts(m),
        )
        for m in measurements
    )
    table = Table("What ran", head, rows)
    return table.transposed() if len(rows) <= 4 else table


def _workload(measurement: Measurement) -> tuple[TableCell, ...]:
    """Name, size, device and settings; dashes for a command without a workload."""
    workload = measurement.workload
    if workload is None:
        return (known(None),) * 4
    settings = ", ".join(
        f"{key} = {json.dumps(setting)}" for key, setting in workload.settings.items()
    )
    return known(workload.name), known(workload.size), known(workload.device), known(settings)


def _counts(measurement: Measurement) -> tuple[TableCell, ...]:
    """Flops, bytes, precision and fingerprint of the work; dashes for a command."""
    work = measurement.work
    if work is None:
        return (known(None),) * 4
    return (
        known(None if work.flops is None else show_value(work.flops, "flop")),
        known(None if work.bytes is None else show_value(work.bytes, "B")),
        known(work.precision),
        known(work.fingerprint),
    )


def _checks(measurements: Sequence[Measurement], names: Names) -> Table:
    rows = tuple(
        (TableCell(names[m.id]), *_check_row(check))
        for m in measurements
        for check in m.verification
    )
    head = ("measurement", "quantity", "value", "tolerance", "passed")
    return Table("Checks of the result", head, rows, right=frozenset(("value", "tolerance")))


def _check_row(check: Verification) -> tuple[TableCell, ...]:
    figure = TableCell("not a finite number", tone="bad")
    if check.value is not None:
        figure = TableCell(f"{check.value:.4g}")
    return (
        TableCell(plain(check.quantity)),
        figure,
        TableCell(f"{check.tolerance:.4g}"),
        TableCell("passed", tone="good") if check.passed else TableCell("failed", tone="bad"),
    )


def _regions(measurements: Sequence[Measurement], names: Names) -> Table:
    rows = tuple(
        (TableCell(names[m.id]), *_region_row(region)) for m in measurements for region in m.regions
    )
    head = ("measurement", "region", "times", "time", "energy")
    return Table("Regions (means)", head, rows, right=frozenset(("times", "time", "energy")))


def _region_row(region: Region) -> tuple[TableCell, ...]:
    note = "" if region.in_repeat else "outside the repeats, not in the energy"
    return (
        TableCell(plain(region.label), note),
        TableCell(str(region.count)),
        bare(region.time_s, "s"),
        value(region.energy_j, "J"),
    )
