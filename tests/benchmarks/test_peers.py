"""The arithmetic of the table against the peers (benchmarks/peers.py); the measuring itself takes
an hour and is not tested.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parents[2] / "benchmarks/peers"


def _module(name: str) -> ModuleType:
    """A module of the benchmark, which is no package, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"peers_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table() -> Iterator[ModuleType]:
    yield _module("table")
    del sys.modules["peers_table"]


@pytest.fixture(scope="module")
def rows() -> Iterator[ModuleType]:
    yield _module("rows")
    del sys.modules["peers_rows"]


def test_the_truth_is_taken_over_the_window_that_favours_the_tool(table: ModuleType) -> None:
    """The pair of times with the smallest RMS error counts, and the cell names the pair."""
    timed = table.Timed((0.0, 0.2), (10.2, 10.5), {"0": 1000.0, "1": 2020.0})
    made = table.cell(
        [(timed, lambda index, start, end: (100.0 if index == "0" else 200.0) * (end - start))]
    )
    assert made["taken"] == "after begin … before end"
    assert made["windows"] == 2
    assert made["errors_rel"] == pytest.approx([0.0, 0.01])
    assert made["rms_rel"] == pytest.approx(0.01 / 2**0.5)
    assert made["worst_rel"] == pytest.approx(0.01)


def test_a_tool_without_any_energy_is_no_zero(table: ModuleType) -> None:
    """Nothing measured is an error, not an RMS of 0."""
    with pytest.raises(ValueError, match="no energy"):
        table.cell([(table.Timed((0.0, 0.0), (1.0, 1.0), {}), lambda index, start, end: 1.0)])


def _cells(**tools: dict[str, float | None]) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = {}
    for tool, by_row in tools.items():
        for row, size in by_row.items():
            one: dict[str, object] = (
                {"reason": "has none"}
                if size is None
                else {"rms_rel": size, "worst_rel": size, "windows": 32}
            )
            found.setdefault(row, {})[tool] = one
    return found


def test_a_row_is_lost_beyond_a_fifth_of_a_point(table: ModuleType) -> None:
    """Ours may be 0.2 points worse than the best peer, not more; rows that no peer did are not
    lost.
    """
    cells = _cells(
        energybench={"a": 0.0119, "b": 0.0121, "c": 0.5},
        zeus={"a": 0.01, "b": 0.01, "c": None},
        jpwr={"a": 0.3, "b": 0.3},
    )
    assert table.lost_rows(cells) == {"b": ("zeus", 0.0121, 0.01)}


def test_all_rows_are_compared_where_both_measured(table: ModuleType) -> None:
    """A row that a peer cannot do burdens neither side."""
    cells = _cells(
        energybench={"a": 0.03, "b": 0.04, "c": 0.9}, zeus={"a": 0.05, "b": 0.05, "c": None}
    )
    assert table.overall(cells) == {"zeus": (pytest.approx(0.05 / 2**0.5), pytest.approx(0.05), 2)}


def test_the_table_gives_reasons_for_its_dashes(table: ModuleType) -> None:
    """A dash has its reason below, and each goal says whether it is met."""
    text = table.text(
        _cells(energybench={"a": 0.01}, jpwr={"a": None}), {"a": "A row"}, ["energybench", "jpwr"]
    )
    assert "- jpwr, a: has none" in text
    assert "1.00% (+1.0%; 32)" in text
    assert "in every row: met (1 rows)" in text
    assert "both did): not measured" in text


def test_the_truth_of_a_wave_is_its_integral(rows: ModuleType) -> None:
    """Over whole periods the mean of both levels; inside a half the level itself; the clock's
    offset moves the wave.
    """
    wave = rows.Wave(100.0, 500.0, 2.0)
    assert wave.joules(0.0, 20.0, 0.0) == pytest.approx(6000.0)
    assert wave.joules(0.25, 0.75, 0.0) == pytest.approx(250.0)
    assert wave.joules(0.25, 0.75, 1.0) == pytest.approx(50.0)
    assert rows.Wave(300.0, 0.0, 0.0).joules(1.0, 6.0, 3.0) == pytest.approx(1500.0)


def test_counters_wrap_inside_the_window(rows: ModuleType) -> None:
    """In the wrap row every counter passes its range within the window, and not at its edges."""
    row = next(row for row in rows.ROWS if row.event == "wrap")
    for seed in range(1, 20):
        for package in rows.package_zones(row, seed, 14.0):
            wraps_s = (rows.RANGE_UJ - package.start_uj) / package.watts / 1e6
            assert 14.0 + 0.5 <= wraps_s <= 14.0 + row.seconds - 0.4999


def test_the_configuration_is_the_simulators(rows: ModuleType) -> None:
    """Every key of every row's sensor is one that the simulated library knows."""
    known = (Path(__file__).parents[1] / "simulators/nvmlsim.c").read_text("utf-8")
    for row in rows.ROWS:
        for line in rows.configuration(row, rows.waves(row, 1)).splitlines():
            key = line.partition("=")[0].rpartition(".")[2]
            assert f'"{key}"' in known
