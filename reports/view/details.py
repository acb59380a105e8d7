"""What stands behind the numbers: regions, checks, uncertainty budgets, boundary, channels and
provenance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from energybench.model import Comparison, Effect, Estimate, Gpu, Measurement
from energybench.units import relative, show
from energybench_reports.view.comparison import MEASURED_TITLE, pair
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.machine_state import milliseconds, timing
from energybench_reports.view.wording import (
    Cell,
    bare,
    component_words,
    gibibytes,
    known,
    percent,
    plain,
    signed,
    value,
    watts,
)

Names = Mapping[str, str]
_DISTRIBUTIONS = {
    "normal": "normal",
    "student": "Student t",
    "rectangular": "rectangular",
    "bound": "one-sided bound",
}


def sections(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Names
) -> tuple[Section, ...]:
    """In the order in which somebody who doubts the headline would ask."""
    return (
        _work(measurements, names),
        _budgets(measurements, comparisons, names),
        _boundary(measurements, names),
        _channels(measurements, names),
        _provenance(measurements, names),
    )


def _work(measurements: Sequence[Measurement], names: Names) -> Section:
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
            Cell(names[m.id]),
            *(
                known(part)
                for part in (
                    (m.workload.name, m.workload.size, m.workload.device)
                    if m.workload
                    else (None, None, None)
                )
            ),
            known(
                ", ".join(
                    f"{key} = {json.dumps(setting)}" for key, setting in m.workload.settings.items()
                )
                if m.workload
                else None
            ),
            known(" ".join(m.command) if m.command else None),
            Cell(f"{m.work.flops:.3g}") if m.work and m.work.flops is not None else known(None),
            Cell(f"{m.work.bytes:.3g}") if m.work and m.work.bytes is not None else known(None),
            known(m.work.precision if m.work else None),
            known(m.work.fingerprint if m.work else None),
        )
        for m in measurements
    )
    checks = tuple(
        (
            Cell(names[m.id]),
            Cell(plain(check.quantity)),
            Cell(f"{check.value:.4g}")
            if check.value is not None
            else Cell("not a finite number", tone="bad"),
            Cell(f"{check.tolerance:.4g}"),
            Cell("passed", tone="good") if check.passed else Cell("failed", tone="bad"),
        )
        for m in measurements
        for check in m.verification
    )
    regions = tuple(
        (
            Cell(names[m.id]),
            Cell(
                plain(region.label),
                "" if region.in_repeat else "outside the repeats, not in the energy",
            ),
            Cell(str(region.count)),
            bare(region.time_s, "s"),
            value(region.energy_j, "J"),
        )
        for m in measurements
        for region in m.regions
    )
    tables = (
        Table("What ran", head, rows).transposed()
        if len(rows) <= 4
        else Table("What ran", head, rows),
        Table(
            "Checks of the result",
            ("measurement", "quantity", "value", "tolerance", "passed"),
            checks,
            right=frozenset(("value", "tolerance")),
        ),
        Table(
            "Regions (means)",
            ("measurement", "region", "times", "time", "energy"),
            regions,
            right=frozenset(("times", "time", "energy")),
        ),
    )
    about = (
        "A comparison is of the same work only where the fingerprints are the same and the checks "
        "passed on both sides."
    )
    return Section("work", "Work and its check", about, tables if measurements else (), detail=True)


def _budgets(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Names
) -> Section:
    tables = []
    for comparison in comparisons:
        baseline, candidate = pair(comparison)
        tables.append(
            _budget(
                f"{baseline} → {candidate}: {plain(comparison.title) or MEASURED_TITLE}",
                comparison.energy_ratio,
                "",
            )
        )
    for m in measurements:
        tables += [
            _budget(f"{names[m.id]}: energy, gross", m.energy_j, "J"),
            _budget(f"{names[m.id]}: time", m.time_s, "s"),
        ]
    about = (
        "Each effect with its standard uncertainty u in the value's own unit. Effects with the "
        "same key are the same error wherever the key appears, so they "
        "cancel or add as one. Share: u² over the sum of all u². A one-sided bound lets the truth "
        "lie anywhere up to u·√12 beyond the value."
    )
    return Section(
        "budget",
        "Uncertainty budgets",
        about,
        tuple(table for table in tables if table is not None),
        detail=True,
    )


def _budget(title: str, estimate: Estimate | None, unit: str) -> Table | None:
    if estimate is None or not estimate.effects:
        return None
    head = ("effect", "u", "distribution", "dof", "share", "key")
    variance = sum(effect.u**2 for effect in estimate.effects)

    def row(effect: Effect) -> tuple[Cell, ...]:
        share = effect.u**2 / variance if variance else 0.0
        dof = (
            Cell(f"{effect.dof:.3g}")
            if effect.dof is not None
            else Cell("∞" if effect.distribution == "normal" else "–", tone="muted")
        )
        return (
            Cell(plain(effect.name)),
            Cell(signed(effect.u, unit) if effect.u else "0"),
            Cell(_DISTRIBUTIONS[effect.distribution]),
            dof,
            Cell(percent(share), bar=share),
            Cell(plain(effect.key), tone="code") if effect.key else Cell("its own", tone="muted"),
        )

    ordered = sorted(estimate.effects, key=lambda effect: -abs(effect.u))
    edges = relative(estimate)
    about = (
        f"{show(estimate, unit)}, {estimate.confidence * 100:g} % "
        f"interval{': ' + edges if edges else ''}"
    )
    return Table(
        title,
        head,
        tuple(row(effect) for effect in ordered),
        about,
        right=frozenset(("u", "dof", "share")),
    )


def _boundary(measurements: Sequence[Measurement], names: Names) -> Section:
    tones = {"measured": "", "modelled": "warn", "missing": "bad"}
    rows = tuple(
        (
            Cell(names[m.id]),
            Cell(component_words(part.component)),
            known(part.device),
            Cell("used" if part.used else "unused"),
            Cell(part.state, tone=tones[part.state]),  # type: ignore[arg-type]
            known(watts(part)),
        )
        for m in measurements
        for part in m.boundary.parts
    )
    about = (
        "What the joules cover. compute = every package + all memory + every accelerator present, "
        "used or idle. "
        "A modelled part counts with the middle of its range; a missing part counts with nothing, "
        "and its range widens the interval upward."
    )
    table = Table(
        "",
        ("measurement", "part", "device", "by the work", "state", "range"),
        rows,
        right=frozenset(("range",)),
    )
    return Section("boundary", "Boundary", about, (table,), detail=True)


def _channels(measurements: Sequence[Measurement], names: Names) -> Section:
    head = ("measurement", "collector", "part", "device", "reads", "timing", "updates every", "averages over", "period", "jitter", "samples",
            "missed", "failed")  # fmt: skip
    rows = tuple(
        (
            Cell(names[m.id]),
            Cell(plain(channel.collector)),
            Cell(component_words(channel.component)),
            known(channel.device),
            Cell(plain(channel.quantity or channel.kind)),
            timing(channel, m.host.started_utc),
            milliseconds(channel.update_period_s),
            milliseconds(channel.window_s or None),
            Cell(f"{channel.period_s * 1e3:.4g} ms")
            if channel.period_s is not None
            else known(None),
            Cell(f"{channel.jitter_s * 1e3:.2g} ms")
            if channel.jitter_s is not None
            else known(None),
            Cell(str(channel.samples), tone="" if channel.samples else "bad"),
            Cell(str(channel.missed), tone="warn" if channel.missed else ""),
            Cell(str(channel.failed), tone="bad" if channel.failed else ""),
        )
        for m in measurements
        for channel in m.channels
    )
    about = (
        "How each sensor was read. Period and jitter (standard deviation against the schedule) are "
        "as measured; a failed read is a gap, never a 0. "
    )
    about += (
        "Timing: where the sensor's own update period, averaging window and lag come from: a "
        "prior, a profile of this device, or inferred from this run."
    )
    return Section(
        "channels",
        "Channels",
        about,
        (Table("", head, rows, right=frozenset(head[6:])),),
        detail=True,
    )


def _provenance(measurements: Sequence[Measurement], names: Names) -> Section:
    head = ("measurement", "host", "processor", "sockets", "cores", "threads", "threads allowed", "memory", "governor", "kernel", "system", "virtual machine",
            "container", "Slurm job", "Python", "libraries", "began (UTC)")  # fmt: skip
    rows = tuple(
        (
            Cell(names[m.id]),
            *(
                known(fact)
                for fact in (
                    m.host.name,
                    m.host.cpu,
                    m.host.sockets,
                    m.host.cores,
                    m.host.threads,
                    m.host.threads_allowed,
                )
            ),
            known(gibibytes(m.host.memory_bytes)),
            *(
                known(fact)
                for fact in (
                    m.host.governor,
                    m.host.kernel,
                    m.host.os,
                    m.host.virtual,
                    m.host.container,
                    m.host.slurm_job,
                    m.host.python,
                )
            ),
            known(", ".join(f"{name} {version}" for name, version in m.host.libraries.items())),
            known(m.host.started_utc),
        )
        for m in measurements
    )
    hosts = Table("Hosts", head, rows)
    gpu_head = (
        "measurement",
        "accelerator",
        "by the work",
        "driver",
        "power limit",
        "SM clock",
        "memory clock",
        "modes",
        "temperature",
        "throttling",
    )
    gpus = tuple((Cell(names[m.id]), *_gpu(gpu)) for m in measurements for gpu in m.host.gpus)
    about = "As read on the machine that measured. A dash: not known there."
    tables = (
        hosts.transposed() if len(rows) <= 4 else hosts,
        Table("Accelerators", gpu_head, gpus),
    )
    return Section("provenance", "Provenance", about, tables if measurements else (), detail=True)


def _gpu(gpu: Gpu) -> tuple[Cell, ...]:
    limits = [
        f"{name} {watt:g} W"
        for name, watt in (
            ("default", gpu.power_limit_default_w),
            ("least", gpu.power_limit_min_w),
            ("most", gpu.power_limit_max_w),
        )
        if watt
    ]
    modes = [
        f"{name} {'on' if on else 'off'}"
        for name, on in (("ECC", gpu.ecc), ("MIG", gpu.mig), ("persistence", gpu.persistence))
        if on is not None
    ]
    driver = " / CUDA ".join(plain(part) for part in (gpu.driver, gpu.cuda) if part)
    return (
        Cell(
            plain(gpu.name),
            ", ".join(
                plain(part)
                for part in (gpu.uuid, gpu.pci_bus_id, gibibytes(gpu.memory_bytes))
                if part
            ),
        ),
        Cell("used" if gpu.used else "unused"),
        known(driver),
        Cell(f"{gpu.power_limit_w:g} W", ", ".join(limits))
        if gpu.power_limit_w is not None
        else known(", ".join(limits)),
        _clock(gpu.sm_clock_mhz, gpu.sm_clock_max_mhz),
        _clock(gpu.memory_clock_mhz, gpu.memory_clock_max_mhz),
        known(", ".join(modes)),
        known(f"{gpu.temperature_c} °C" if gpu.temperature_c is not None else None),
        known(gpu.throttle_reasons),
    )


def _clock(now_mhz: int | None, most_mhz: int | None) -> Cell:
    most = f"of at most {most_mhz} MHz" if most_mhz is not None else ""
    return Cell(f"{now_mhz} MHz", most) if now_mhz is not None else known(most)
