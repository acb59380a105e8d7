"""BoAmps, Boavizta's JSON of the energy of a computing task, one file for each run.

Schemas: https://github.com/Boavizta/BoAmps, folder `model`, of 2026 (data model 1.1.0), published
under Creative Commons Attribution 4.0. Fields and units below are theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from energybench.errors import BadInput
from energybench.grading.part_channels import counted_channels
from energybench.grading.statable import is_measured
from energybench.model import Document, Estimate, Measurement, Publication, quality_words
from energybench_reports.conversions import (
    carbon_intensity,
    idle_j,
    kilowatt_hours,
    nodes_by_host,
    start_of,
    utc,
)
from energybench_reports.tables.row import line

VERSION = "1.1.0"
SPECIFICATION = "https://github.com/Boavizta/BoAmps/tree/main/model"
NOT_STATED = "not stated"
_TIME = "%Y-%m-%d %H:%M:%S"
_GIB = 2**30
# Greatest distance of value and end of the interval, relative to the value, for each word of the
# schema's field `quality`.
_QUALITY = ((0.10, "high"), (0.25, "medium"), (0.50, "low"))


class BoAmps:
    """Energy and time of one repeat of each run that has an energy.

    Of what a run does not know, an optional field is left out, an enumeration is "other", and a
    text that the schema requires is "not stated". The schema has no fields for intervals: they are
    in an object of our own, `energybench`, which the schema allows.
    """

    name = "boamps"
    about = "For Boavizta's open data: a BoAmps JSON report of each run, with the intervals beside."
    suffix = ".json"
    timelines = False

    def render(self, document: Document) -> Mapping[str, bytes]:
        runs = [run for run in document.of(Measurement) if run.energy_j is not None]
        if not runs:
            raise BadInput(
                f"--format {self.name}",
                "describes runs, and no run of the document has an energy",
                "name a run that was measured",
            )
        files: dict[str, bytes] = {}
        for run in runs:
            report = _report(run, run.energy_j, document, carbon_intensity(document, run))
            encoded = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
            files[_file_name(run.id, files)] = encoded
        return files


def _file_name(run: str, taken: Mapping[str, bytes]) -> str:
    """A unique name of the run, in characters that every file system takes."""
    stem = "boamps_report_" + re.sub(r"[^A-Za-z0-9_-]", "-", run)[:60]
    name, nth = f"{stem}.json", 2
    while name in taken:
        name, nth = f"{stem}-{nth}.json", nth + 1
    return name


def _report(
    run: Measurement, energy_j: Estimate, document: Document, intensity: Estimate | None
) -> dict[str, Any]:
    numbers = _numbers(run, energy_j)
    report: dict[str, Any] = {
        "header": _header(run, document),
        "task": _task(run),
        "measures": [_measure(run, document) | {name: n.value for name, n in numbers.items()}],
        "system": _without_blanks({"os": "linux", "distribution": line(run.host.os or "")}),
        "infrastructure": {"infraType": "other", "components": _components(run)},
        "quality": _quality(energy_j, measured=is_measured(run)),
    }
    if intensity is not None:
        report["environment"] = {
            "country": NOT_STATED,
            "powerSourceCarbonIntensity": intensity.value,
        }
        numbers["powerSourceCarbonIntensity"] = intensity
    report["energybench"] = {
        "run": line(run.id),
        "label": line(run.label),
        "boundary": run.boundary.name,
        "quality": quality_words(run.quality, replayed=run.replayed),
        "stamps": [line(stamp.words) for stamp in run.stamps],
        "doubts": list(dict.fromkeys(doubt.code for doubt in run.doubts)),
        "intervals": {
            name: {"low": n.low, "high": n.high, "confidence": n.confidence}
            for name, n in numbers.items()
        },
    }
    return _without_blanks(report)


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _header(run: Measurement, document: Document) -> dict[str, Any]:
    publication = document.publication or Publication()
    header: dict[str, Any] = {
        "licensing": line(publication.licence),
        "formatVersion": VERSION,
        "formatVersionSpecificationUri": SPECIFICATION,
        "reportId": line(run.id),
        "reportDatetime": utc(document.created_utc, _TIME) or NOT_STATED,
        "reportStatus": "final" if document.publication and is_measured(run) else "draft",
    }
    if publication.publisher:
        # a publication is a statement for outsiders
        name = line(publication.publisher)
        header["publisher"] = {"name": name, "confidentialityLevel": "public"}
    return _without_blanks(header)


def _task(run: Measurement) -> dict[str, Any]:
    """Stage, family and data of a task are words of machine learning, unknown to a run."""
    name = NOT_STATED
    if run.workload is not None:
        name = run.workload.name
    elif run.command:
        name = run.command[0]
    precision = run.work.arithmetic if run.work else None
    algorithm = {"algorithmName": line(name), "quantization": line(precision or "")}
    return {
        "taskStage": NOT_STATED,
        "taskFamily": NOT_STATED,
        "algorithms": [_without_blanks(algorithm)],
        "dataset": [{"dataUsage": "input", "dataType": "other"}],
        "taskDescription": f"One repeat of {line(run.label)}; intervals stand under `energybench`.",
    }


def _numbers(run: Measurement, energy_j: Estimate) -> dict[str, Estimate]:
    """Estimates of a measure by field. `powerConsumption` is an energy, in kWh."""
    consumed, calibrated = kilowatt_hours(energy_j), idle_j(run)
    numbers = {"powerConsumption": consumed, "measurementDuration": run.time_s}
    if calibrated is not None:
        numbers["powerCalibrationMeasurement"] = kilowatt_hours(calibrated[0])
    return {name: number for name, number in numbers.items() if number is not None}


def _measure(run: Measurement, document: Document) -> dict[str, Any]:
    calibrated = idle_j(run)
    idle_s = None if calibrated is None else calibrated[1]
    return _without_blanks(
        {
            "measurementMethod": "energybench",
            "version": line(document.version),
            "cpuTrackingMode": _collectors(run, ("cpu.package", "cpu.dram")),
            "gpuTrackingMode": _collectors(run, ("gpu.board",)),
            "durationCalibrationMeasurement": idle_s,
            "measurementDateTime": start_of(run, _TIME),
        }
    )


def _collectors(run: Measurement, components: Sequence[str]) -> str:
    channels = [one for one in counted_channels(run) if one.component in components]
    names = {line(one.collector): None for one in channels}
    return " + ".join(names)


def _components(run: Measurement) -> list[dict[str, Any]]:
    """Processors, accelerators and memory of all nodes; a memory size belongs to a single item."""
    components: list[dict[str, Any]] = []
    for host, nodes in nodes_by_host(run):
        processor = {
            "componentName": line(host.cpu or NOT_STATED),
            "componentType": "cpu",
            # the schema requires a number: a node has at least one
            "nbComponent": nodes * (host.sockets or 1),
        }
        components.append(processor)
        kinds: dict[tuple[str, int | None], int] = {}
        for gpu in host.gpus:
            if not gpu.uncounted:
                kind = (line(gpu.name), gpu.memory_bytes)
                kinds[kind] = kinds.get(kind, 0) + nodes
        for (name, size), count in kinds.items():
            board: dict[str, Any] = {"componentName": name, "componentType": "gpu"}
            board["nbComponent"] = count
            if size is not None:
                board["memorySize"] = round(size / _GIB)
            components.append(board)
        if host.memory_bytes is not None:
            memory = {"componentType": "ram", "nbComponent": nodes}
            components.append(memory | {"memorySize": round(host.memory_bytes / _GIB)})
    return components


def _quality(energy_j: Estimate, *, measured: bool) -> str:
    """The schema's word for the error of the energy; "" for an error without a word. A result that
    is not a measurement of whole work with passed checks is at most "low".
    """
    if energy_j.value <= 0:
        return ""
    apart = max(energy_j.high - energy_j.value, energy_j.value - energy_j.low) / energy_j.value
    word = next((word for most, word in _QUALITY if apart <= most), "")
    return word if measured or not word else "low"
