"""The machines that measured: hosts with software, and accelerators with clocks, limits and
modes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.model import Gpu, Host, Measurement
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, gibibytes, known, plain

Names = Mapping[str, str]


def section(measurements: Sequence[Measurement], names: Names) -> Section:
    about = "As read on the machine that measured. A dash: the value is not known."
    tables = (_hosts(measurements, names), _accelerators(measurements, names))
    return Section("provenance", "Provenance", about, tables if measurements else (), detail=True)


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
        "Slurm job",
        "Python",
        "libraries",
        "began (UTC)",
    )
    rows = tuple((TableCell(names[m.id]), *_host_row(m.host)) for m in measurements)
    table = Table("Hosts", head, rows)
    return table.transposed() if len(rows) <= 4 else table


def _host_row(host: Host) -> tuple[TableCell, ...]:
    return (
        known(host.name),
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
        known(host.slurm_job),
        known(host.python),
        known(", ".join(f"{name} {version}" for name, version in host.libraries.items())),
        known(host.started_utc),
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
        (TableCell(names[m.id]), *_gpu_row(gpu)) for m in measurements for gpu in m.host.gpus
    )
    return Table("Accelerators", head, rows)


def _gpu_row(gpu: Gpu) -> tuple[TableCell, ...]:
    identity = (gpu.uuid, gpu.pci_bus_id, gibibytes(gpu.memory_bytes))
    driver = " / CUDA ".join(plain(part) for part in (gpu.driver, gpu.cuda) if part)
    return (
        TableCell(plain(gpu.name), ", ".join(plain(part) for part in identity if part)),
        TableCell("used" if gpu.used else "unused"),
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
