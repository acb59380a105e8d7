"""The emissions.csv of codecarbon, and the intervals missing in its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from energybench.model import Document, Estimate, Measurement, quality_words, stamp_words
from energybench_reports.conversions import (
    carbon_intensity,
    component_j,
    kilowatt_hours,
    mean_power_w,
    product,
    start_of,
)
from energybench_reports.csv_report import text_cell
from energybench_reports.tables.row import codes, line, words

# Columns of codecarbon 3.3.2 (class EmissionsData), in their order.
COLUMNS = (
    "timestamp",
    "project_name",
    "run_id",
    "experiment_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "water_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "cpu_utilization_percent",
    "gpu_utilization_percent",
    "ram_utilization_percent",
    "ram_used_gb",
    "on_cloud",
    "pue",
    "wue",
)
INTERVALS = (
    "run_id",
    "column",
    "value",
    "low",
    "high",
    "kind",
    "confidence",
    "quality",
    "boundary",
    "doubts",
    "stamps",
    "stamp_words",
)
_CPU = ("cpu.package",)
_GPU = ("gpu.board", "gpu.board.unused")
_MEMORY = ("cpu.dram",)
_DURATION = "duration"
_GIB = 2**30  # codecarbon's GB of memory

Cell = str | float | int | None


class CodeCarbon:
    """Two files: `emissions.csv` with codecarbon's columns, and `intervals.csv` with the interval
    of each number in it.

    A row is one repeat of a run. What was not measured or is not known is an empty cell.
    """

    name = "codecarbon"
    about = (
        "For tools that read codecarbon: its emissions.csv, with the intervals in a second file."
    )
    suffix = ".csv"
    timelines = False

    def render(self, document: Document) -> Mapping[str, bytes]:
        runs = [
            (run, _estimates(run, carbon_intensity(document, run)))
            for run in document.of(Measurement)
        ]
        emissions = [_emissions(run, estimates) for run, estimates in runs]
        intervals = [row for run, estimates in runs for row in _intervals(run, estimates)]
        return {
            "emissions.csv": _csv(COLUMNS, emissions),
            "intervals.csv": _csv(INTERVALS, intervals),
        }


def _estimates(run: Measurement, intensity: Estimate | None) -> dict[str, Estimate]:
    """Estimates by column: kWh, W, s, kg and kg/s."""
    parts = {"cpu": _CPU, "gpu": _GPU, "ram": _MEMORY}
    energies = {part: component_j(run, names) for part, names in parts.items()}
    energy_kwh = kilowatt_hours(run.energy_j)
    emitted_kg = product(energy_kwh, intensity, 1e-3)
    estimates = {
        _DURATION: run.time_s,
        "emissions": emitted_kg,
        "emissions_rate": mean_power_w(emitted_kg, run.time_s),
        **{f"{part}_power": mean_power_w(j, run.time_s) for part, j in energies.items()},
        **{f"{part}_energy": kilowatt_hours(j) for part, j in energies.items()},
        "energy_consumed": energy_kwh,
    }
    return {name: number for name, number in estimates.items() if number is not None}


def _known(run: Measurement) -> dict[str, Cell]:
    """Cells without an estimate: names, and counts of a node, which are exact."""
    host = run.host
    boards = [line(gpu.name) for gpu in host.gpus if not gpu.uncounted]
    models = [f"{boards.count(name)} x {name}" for name in dict.fromkeys(boards)]
    return {
        "timestamp": start_of(run, "%Y-%m-%dT%H:%M:%S"),
        # the only column for free words, and the only mark for a reader of this file alone
        "project_name": line(f"{stamp_words(run.stamps)}{run.label}"),
        "run_id": line(run.id),
        "experiment_id": line(run.case or ""),
        "os": f"Linux-{line(host.kernel)}" if host.kernel else "",
        "python_version": line(host.python or ""),
        "cpu_count": host.threads,
        "cpu_model": line(host.cpu or ""),
        "gpu_count": len(boards) or None,
        "gpu_model": ", ".join(models),
        "ram_total_size": None if host.memory_bytes is None else host.memory_bytes / _GIB,
        # of codecarbon's two modes, a process and the whole machine
        "tracking_mode": "" if run.boundary.name == "device" else "machine",
    }


def _emissions(run: Measurement, estimates: Mapping[str, Estimate]) -> list[Cell]:
    known = _known(run)
    return [estimates[name].value if name in estimates else known.get(name, "") for name in COLUMNS]


def _intervals(run: Measurement, estimates: Mapping[str, Estimate]) -> Iterable[list[Cell]]:
    tail: list[Cell] = [
        run.boundary.name,
        codes(run.doubts),
        codes(run.stamps),
        words(run.stamps),
    ]
    known = _known(run)
    for name in COLUMNS:
        number, cell = estimates.get(name), known.get(name)
        head: list[Cell] = [line(run.id), name]
        if number is not None:
            values: list[Cell] = [number.value, number.low, number.high]
            own = "measured" if name == _DURATION else run.quality
            quality = quality_words(own, replayed=run.replayed)
            yield [*head, *values, "interval", number.confidence, quality, *tail]
        elif isinstance(cell, int | float):
            yield [*head, cell, cell, cell, "exact", None, "", *tail]


def _csv(head: Iterable[str], rows: Iterable[Iterable[Cell]]) -> bytes:
    """Lines end like codecarbon's, because codecarbon appends to such a file."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([text_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return page.getvalue().encode()
