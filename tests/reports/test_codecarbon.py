"""codecarbon: its columns, its units, and empty cells for what a run does not know."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from codecarbon.output_methods.emissions_data import EmissionsData
from codecarbon.output_methods.file import FileOutput

from energybench.model import Document
from energybench_reports.codecarbon_report import COLUMNS, CodeCarbon
from tests.reports.foreign import LABELS, labelled
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.samples import SAMPLES, carried


def read(document: Document, file: str = "emissions.csv") -> list[dict[str, str]]:
    text = CodeCarbon().render(document)[file].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_columns_are_those_of_codecarbon() -> None:
    """In the order of the class whose fields codecarbon writes (of the installed version)."""
    assert tuple(field.name for field in fields(EmissionsData)) == COLUMNS


def test_codecarbon_appends_to_the_file(tmp_path: Path) -> None:
    """codecarbon takes the file for one of its own: it backs nothing up and adds its row."""
    (tmp_path / "emissions.csv").write_bytes(
        CodeCarbon().render(SAMPLES["comparison"]())["emissions.csv"]
    )
    values: dict[str, Any] = {f.name: "x" if f.type is str else 1.0 for f in fields(EmissionsData)}
    own = EmissionsData(**values)
    FileOutput("emissions.csv", str(tmp_path)).out(own, own)
    rows = list(csv.DictReader((tmp_path / "emissions.csv").open(newline="")))
    assert [row["run_id"] for row in rows][-1] == "x"
    assert len(rows) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["emissions.csv"]


def test_energies_are_in_kilowatt_hours_and_powers_in_watts() -> None:
    """One repeat: the parts of the node, their sum, and each over the time."""
    run = gpu_node()
    [row] = read(Document(title="t", results=(run,)))
    assert run.energy_j is not None
    time_s = run.time_s.value
    boards_j = sum(v.value for k, v in run.components_j.items() if k.startswith("gpu.board"))
    assert float(row["energy_consumed"]) == pytest.approx(run.energy_j.value / 3.6e6)
    assert float(row["gpu_energy"]) == pytest.approx(boards_j / 3.6e6)
    assert float(row["gpu_power"]) == pytest.approx(boards_j / time_s)
    assert float(row["duration"]) == time_s
    assert (row["tracking_mode"], row["gpu_count"]) == ("machine", "4")
    assert row["gpu_model"].startswith("4 x ")


def test_emissions_need_a_stated_carbon_intensity() -> None:
    """Without a projection of this run they are empty; with one, kWh x g/kWh as kg, and kg/s."""
    [alone] = read(Document(title="t", results=(cpu_node(),)))
    assert alone["emissions"] == alone["emissions_rate"] == ""
    other = read(SAMPLES["comparison"]())[0]
    assert other["emissions"] == ""
    row = read(carried(SAMPLES["comparison"]()))[0]
    expected_kg = float(row["energy_consumed"]) * 179.0 / 1000
    assert float(row["emissions"]) == pytest.approx(expected_kg)
    assert float(row["emissions_rate"]) == pytest.approx(expected_kg / float(row["duration"]))


def test_the_unknown_is_empty() -> None:
    """No default of codecarbon stands for a value that nobody knows: no PUE of 1, no use of 0 %."""
    [row] = read(Document(title="t", results=(cpu_node(),)))
    unknown = ("country_name", "pue", "wue", "water_consumed", "cpu_utilization_percent")
    assert {row[name] for name in (*unknown, "on_cloud", "codecarbon_version")} == {""}
    assert row["gpu_energy"] == row["gpu_power"] == ""


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_number_has_its_interval(sample: str) -> None:
    """The second file has a row for each number of the first, in the same order, with low and high
    around it; counts are exact.
    """
    document = SAMPLES[sample]()
    numbers = [
        (row["run_id"], name, row[name])
        for row in read(document)
        for name, cell in row.items()
        if cell and name not in ("run_id", "timestamp", "python_version") and is_number(cell)
    ]
    intervals = read(document, "intervals.csv")
    assert [(row["run_id"], row["column"], row["value"]) for row in intervals] == numbers
    for row in intervals:
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
        assert (row["kind"] == "exact") == (row["confidence"] == "")


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
def test_foreign_text_stays_in_its_cell(label: str) -> None:
    """As many rows with the same energies; the text starts no formula."""
    rows, plain = read(labelled("comparison", label)), read(SAMPLES["comparison"]())
    assert [row["energy_consumed"] for row in rows] == [row["energy_consumed"] for row in plain]
    line = " ".join(label.split())
    stamp = "[partly estimated: another part] "  # a modelled part with the text as its name
    names = [row["project_name"] for row in rows]
    start = f"'{line}" if line.startswith(("=", "-")) else line
    assert all(name.startswith((start, f"{stamp}{line}")) for name in names)
