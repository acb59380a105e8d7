"""One bad row is left out and named; the file is read. Encodings and records that once refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from energybench.meters.stretch import Around
from tests.meters.logger_files import T0

ROWS = [f"{T0 + i},{300 + i % 7}.5" for i in range(60)]
NEAR = Around(T0 - 60, T0 + 120)


def _swapped(rows: list[str]) -> list[str]:
    return [*rows[:30], rows[31], rows[30], *rows[32:]]


def _early(rows: list[str]) -> list[str]:
    return [*rows[:30], f"{T0 + 28.4},301.5", *rows[31:]]


BAD: dict[str, Callable[[list[str]], list[str]]] = {
    "two rows that changed places": _swapped,
    "a row that is 1.6 s early": _early,
    "a row that is an hour early": lambda r: [*r[:30], f"{T0 - 3600},301.5", *r[31:]],
    "a last row cut inside quotes": lambda r: [*r[:-1], f'{T0 + 59},"30'],
    "a last row cut inside its time": lambda r: [*r[:-1], '"17'],
    "a stray mark before a value": lambda r: [*r[:30], f'{T0 + 30},"301.5', *r[31:]],
    "a stray mark before a time": lambda r: [*r[:30], f'"{T0 + 30},301.5', *r[31:]],
    "a stray mark behind a value": lambda r: [*r[:30], f'{T0 + 30},301.5"', *r[31:]],
    "a stray mark within a value": lambda r: [*r[:30], f'{T0 + 30},3"01.5', *r[31:]],
    "marks and more behind them": lambda r: [*r[:30], f'"{T0 + 30}"x,"301.5"', *r[31:]],
    "a lone mark": lambda r: [*r[:30], '"', *r[30:]],
    "a cell too many": lambda r: [*r[:30], f"{T0 + 30},301.5,7", *r[31:]],
    "a cell too few": lambda r: [*r[:30], f"{T0 + 30}", *r[31:]],
    "no time": lambda r: [*r[:30], "?,301.5", *r[31:]],
    "no value": lambda r: [*r[:30], f"{T0 + 30},err", *r[31:]],
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_row_is_left_out_and_named(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "m.csv"
    file.write_text("\n".join(["time,power_w", *BAD[fault](ROWS)]) + "\n")
    series = read(file, Choice(), NEAR)
    assert len(series.left_out) == 1
    assert series.left_out[0].place in (32, 33, 61)
    assert series.t_s.size >= 59
    assert (series.raw * series.resolution >= 300).all()


@pytest.mark.parametrize("back_s", [1.5, 2, 3, 7, 60, 3600])
def test_a_clock_that_was_set_back_is_refused(tmp_path: Path, back_s: float) -> None:
    rows = [f"{T0 + i - back_s * (i >= 30)},{300 + i % 7}.5" for i in range(60)]
    file = tmp_path / "m.csv"
    file.write_text("\n".join(["time,power_w", *rows]) + "\n")
    with pytest.raises(BadInput) as refused:
        read(file, Choice(), Around(T0 - 7200, T0 + 7200))
    assert "time goes back" in refused.value.what


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be", "utf-16", "utf-16-be"])
def test_wide_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "m.csv"
    file.write_bytes("\n".join(["time,power_w", *ROWS]).encode(encoding))
    assert read(file, Choice(), NEAR).t_s.size == 60


@pytest.mark.parametrize(
    ("value", "watts"),
    [
        ({"watts": 300.5}, 300.5),
        ({"power_w": 300.5, "voltage_v": 230.1}, 300.5),
        ({"power_kw": 0.3005, "source": "pdu"}, 300.5),
        ({"power": 300.5}, 300.5),
    ],
)
def test_a_power_inside_an_mllog_value(tmp_path: Path, value: object, watts: float) -> None:
    events = [{"key": "power", "value": value, "time_ms": 1000 * (T0 + i)} for i in range(60)]
    file = tmp_path / "m.log"
    file.write_text("\n".join(f":::MLLOG {json.dumps(event)}" for event in events))
    series = read(file, Choice(), NEAR)
    assert (series.raw * series.resolution).tolist() == pytest.approx([watts] * 60)


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("n1", [("--select", "metadata.node=n1")]),
        ("n2.cluster.example", [("--select", "metadata.node=n2")]),
        ("n3", []),
    ],
)
def test_rows_of_several_nodes_suggest_the_run_s_own_node(
    tmp_path: Path, host: str, options: list[tuple[str, str]]
) -> None:
    events = [
        {"key": "power", "value": 300, "time_ms": 1000 * (T0 + i), "metadata": {"node": node}}
        for i in range(30)
        for node in ("n1", "n2")
    ]
    file = tmp_path / "m.log"
    file.write_text("\n".join(f":::MLLOG {json.dumps(event)}" for event in events))
    with pytest.raises(Undecided) as refused:
        read(file, Choice(host=host), NEAR)
    assert list(refused.value.options) == options
    assert "metadata.node" in refused.value.remedy
    if not options:
        assert host in refused.value.remedy
