"""The machines that measured: hosts with software, and accelerators with clocks, limits and
modes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.model import Comparison, Gpu, Host, Measurement
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import (
    TableCell,
    counted,
    gibibytes,
    known,
    plain,
    use_by_work,
)

Names = Mapping[str, str]
_MOST_NAMES = 8  # of nodes of one kind
_DIGITS = 12  # of a digest in a table


def section(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Names
) -> Section:
    about = "As read on the machine that measured. A dash: the value is not known."
    tables: list[Table] = []
    if measurements:
        tables += [_hosts(measurements, names), _accelerators(measurements, names)]
    tables.append(_files(comparisons))
    return Section("provenance", "Provenance", about, tuple(tables), detail=True)


# ---------------------------------------------------------------- files


def _files(comparisons: Sequence[Comparison]) -> Table:
    """The files from which comparisons were made, each run once, with the begin of each digest."""
    rows: dict[tuple[str, str, str], tuple[TableCell, ...]] = {}
    for comparison in comparisons:
        sides = zip(
            comparison.labels,
            (comparison.baseline, comparison.candidate),
            comparison.digests or (),
            strict=False,
        )
        for label, run, digests in sides:
            for file in digests:
                cells = (plain(label), plain(run), plain(file.path), plain(file.sha256[:_DIGITS]))
                rows.setdefault((run, file.path, file.sha256), tuple(map(TableCell, cells)))
    note = (
        f"The first {_DIGITS} digits of the SHA-256 of each file at the time of the comparison; "
        "the data of this report have all 64. `sha256sum FILE` prints those of a file."
    )
    head = ("measurement", "run", "file", "SHA-256")
    return Table("Files of the compared runs", head, tuple(rows.values()), note if rows else "")


# ---------------------------------------------------------------- hosts


def _hosts(measurements: Sequence[Measurement], names: Names) -> Table:
    head = (
        "measurement",
        "host",
        "processor",
        "sockets",
        "cores",
        "threads",
        "threads allowed",
        "memory",
        "governor",
        "kernel",
        "system",
        "virtual machine",
        "container",
        "job",
        "Python",
        "libraries",
        "began (UTC)",
    )
    rows = tuple(
        (TableCell(names[m.id]), *_host_row(kind, m)) for m in measurements for kind in _kinds(m)
    )
    table = Table("Hosts", head, rows)
    return table.transposed() if len(rows) <= 4 else table


class _Kind(NamedTuple):
    """Equal nodes of a measurement: one description, the names in words, and their number."""

    host: Host
    names: str
    nodes: int


def _kinds(m: Measurement) -> list[_Kind]:
    """The host of a measurement; of a job, each kind of its nodes."""
    if not m.hosts:
        return [_Kind(m.host, m.host.name, 1)]
    kinds = []
    for number, host in enumerate(m.hosts):
        names = [share.node for share in m.shares if share.host == number]
        words = ", ".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            words += f" and {counted(len(names) - _MOST_NAMES, 'more node')}"
        if len(m.hosts) > 1:
            words = f"kind {number + 1}: {words}"
        kinds.append(_Kind(host, words, len(names)))
    return kinds


def _host_row(kind: _Kind, m: Measurement) -> tuple[TableCell, ...]:
    host, job = kind.host, m.job
    return (
        known(kind.names),
        known(host.cpu),
        known(host.sockets),
        known(host.cores),
        known(host.threads),
        known(host.threads_allowed),
        known(gibibytes(host.memory_bytes)),
        known(host.governor),
        known(host.kernel),
        known(host.os),
        known(host.virtual),
        known(host.container),
        known(job.id if job is not None else None),
        known(host.python),
        known(", ".join(f"{name} {version}" for name, version in host.libraries.items())),
        known(m.host.started_utc),
    )


# ---------------------------------------------------------------- accelerators


def _accelerators(measurements: Sequence[Measurement], names: Names) -> Table:
    head = (
        "measurement",
        "accelerator",
        "use by the work",
        "driver",
        "power limit",
        "SM clock",
        "memory clock",
        "modes",
        "temperature",
        "throttling",
    )
    rows = tuple(
        (TableCell(names[m.id]), *_gpu_row(gpu, count))
        for m in measurements
        for gpu, count in _boards(m)
    )
    return Table("Accelerators", head, rows)


def _boards(m: Measurement) -> list[tuple[Gpu, int]]:
    """The accelerators of a measurement, each once; of a job, each kind with its number."""
    if not m.hosts:
        return [(gpu, 1) for gpu in m.host.gpus]
    counts: list[tuple[Gpu, int]] = []
    for kind in _kinds(m):
        for gpu in kind.host.gpus:
            place = next((i for i, (known_gpu, _) in enumerate(counts) if known_gpu == gpu), None)
            if place is None:
                counts.append((gpu, kind.nodes))
            else:
                counts[place] = (gpu, counts[place][1] + kind.nodes)
    return counts


def _gpu_row(gpu: Gpu, count: int) -> tuple[TableCell, ...]:
    identity = (gpu.uuid, gpu.pci_bus_id, gibibytes(gpu.memory_bytes))
    driver = " / CUDA ".join(plain(part) for part in (gpu.driver, gpu.cuda) if part)
    return (
        TableCell(
            f"{count} × {plain(gpu.name)}" if count > 1 else plain(gpu.name),
            ", ".join(plain(part) for part in identity if part),
        ),
        use_by_work(gpu.used),
        known(driver),
        _power_limit(gpu),
        _clock(gpu.sm_clock_mhz, gpu.sm_clock_max_mhz),
        _clock(gpu.memory_clock_mhz, gpu.memory_clock_max_mhz),
        known(_modes(gpu)),
        known(f"{gpu.temperature_c} °C" if gpu.temperature_c is not None else None),
        known(gpu.throttle_reasons),
    )


def _power_limit(gpu: Gpu) -> TableCell:
    """'250 W' with the note 'default 400 W, least 100 W, most 400 W'."""
    limits = {
        "default": gpu.power_limit_default_w,
        "least": gpu.power_limit_min_w,
        "most": gpu.power_limit_max_w,
    }
    note = ", ".join(f"{name} {watt:g} W" for name, watt in limits.items() if watt)
    if gpu.power_limit_w is None:
        return known(note)
    return TableCell(f"{gpu.power_limit_w:g} W", note)


def _modes(gpu: Gpu) -> str:
    """'ECC on, MIG off'."""
    modes = {"ECC": gpu.ecc, "MIG": gpu.mig, "persistence": gpu.persistence}
    return ", ".join(
        f"{name} {'on' if on else 'off'}" for name, on in modes.items() if on is not None
    )


def _clock(now_mhz: int | None, most_mhz: int | None) -> TableCell:
    most = f"of at most {most_mhz} MHz" if most_mhz is not None else ""
    return TableCell(f"{now_mhz} MHz", most) if now_mhz is not None else known(most)
