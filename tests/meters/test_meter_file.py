"""Meter files: what is read, and what is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from energybench.errors import BadInput
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from energybench.meters.series import MeterSeries

PLAIN = Choice()
T0 = 1_772_359_200.0  # 2026-03-01T10:00:00Z


def series(
    tmp_path: Path, text: str, choice: Choice = PLAIN, name: str = "meter.csv"
) -> MeterSeries:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return read(path, choice)


def refused(tmp_path: Path, text: str, choice: Choice = PLAIN, name: str = "meter.csv") -> str:
    with pytest.raises(BadInput) as caught:
        series(tmp_path, text, choice, name)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("header", "first", "second", "kind", "joules_or_watts"),
    [
        ("power_w", "100.5", "101.5", "power", 100.5),
        ("power [W]", "100", "101", "power", 100.0),
        ("Watts", "100", "101", "power", 100.0),
        ("P (kW)", "0.1005", "0.2", "power", 100.5),
        ("power_mw", "100500", "1", "power", 100.5),
        ("node_power_watts", "1", "2", "power", 1.0),
        ("energy_kwh", "1.001", "1.002", "counter", 3_603_600.0),
        ("energy [Wh]", "10", "11", "counter", 36_000.0),
        ("energy_joules_total", "7", "8", "counter", 7.0),
        ("E/kJ", "7", "8", "counter", 7000.0),
    ],
)
def test_the_unit_is_in_the_header(
    tmp_path: Path, header: str, first: str, second: str, kind: str, joules_or_watts: float
) -> None:
    """Power and energy in the units that meters use come out in W and J."""
    meter = read_two(tmp_path, header, first, second)
    assert meter.kind == kind
    assert meter.raw[0] * meter.resolution == pytest.approx(joules_or_watts, rel=1e-12)


def read_two(tmp_path: Path, header: str, first: str, second: str) -> MeterSeries:
    return series(
        tmp_path, f"time,{header}\n2026-03-01T10:00:00Z,{first}\n2026-03-01T10:00:01Z,{second}\n"
    )


@pytest.mark.parametrize(
    ("first", "second", "choice"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:01.5Z", Choice()),
        ("2026-03-01T11:00:00+01:00", "2026-03-01T11:00:01.5+01:00", Choice()),
        ("1772359200", "1772359201.5", Choice()),
        ("1772359200000", "1772359201500", Choice()),
        ("2026-03-01 11:00:00", "2026-03-01 11:00:01.500", Choice(timezone="Europe/Berlin")),
        ("2026-03-01T05:00:00", "2026-03-01T05:00:01.5", Choice(timezone="America/New_York")),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_times_of_every_kind_are_the_same_moment(
    tmp_path: Path, first: str, second: str, choice: Choice, separator: str
) -> None:
    """ISO 8601 with a zone, s and ms since 1970, and local times of a named zone; with any
    separator.
    """
    meter = series(
        tmp_path,
        f"timestamp{separator}power_w\n{first}{separator}1\n{second}{separator}2\n",
        choice,
    )
    assert meter.t_s.tolist() == [T0, T0 + 1.5]


def test_counts_are_the_files_own_last_digit(tmp_path: Path) -> None:
    """A kWh counter with three decimals has a resolution of 3600 J, and the counts give back what
    was written.
    """
    meter = series(tmp_path, "time,energy_kwh\n1772359200,12.500\n1772359260,12.501\n")
    assert meter.resolution == 3600
    assert meter.raw.tolist() == [12500, 12501]


def test_comments_blank_lines_and_other_columns_are_passed_over(tmp_path: Path) -> None:
    """Lines keep their numbers; the one column with a unit is taken."""
    text = (
        "# PDU 7\n\nnote,time,temperature,power_w\nok,1772359200,20,1\n\n# changed the "
        "fan\nok,1772359201,20,2\n"
    )
    meter = series(tmp_path, text)
    assert meter.places.tolist() == [4, 7]
    assert meter.raw.tolist() == [1, 2]


def test_a_column_is_named_where_there_are_several(tmp_path: Path) -> None:
    """--column and --unit choose."""
    text = "time,a_w,b\n1772359200,1,5\n1772359201,2,6\n"
    assert series(tmp_path, text, Choice(column="b", unit="kW")).raw.tolist() == [5, 6]
    assert "it has time, a_w, b" in refused(tmp_path, text, Choice(column="c"))
    assert "--column, one of a_w, c_w" in refused(tmp_path, "time,a_w,c_w\n1772359200,2,3\n")


@pytest.mark.parametrize(
    ("text", "choice", "line", "what"),
    [
        ("time,power\n1772359200,1\n1772359201,2\n", Choice(), "line 1", "has no unit"),
        (
            "time,power [hp]\n1772359200,1\n1772359201,2\n",
            Choice(),
            "line 1",
            "'hp' is not a known unit",
        ),
        (
            "time,power [MW]\n1772359200,1\n1772359201,2\n",
            Choice(),
            "line 1",
            "'MW' is not a known unit",
        ),
        ("time,power_w\n2026-03-01T10:00:00,1\n", Choice(), "line 2", "has no zone"),
        (
            "time,power_w\n1772359200,1\n1772359202,1\n1772359201,2\n",
            Choice(),
            "line 4",
            "time goes back by 1 s",
        ),
        (
            "time,power_w\n1772359200,1\n1772359200,2\n",
            Choice(),
            "line 3",
            "has the same time as the reading before",
        ),
        (
            "time,power_w\n1772359200,1\n1772359201,n/a\n",
            Choice(),
            "line 3",
            "'n/a' is not a number",
        ),
        (
            "time\tpower_w\n1772359200\t1,500\n1772359201\t1,600\n",
            Choice(),
            "line 1 column 'power_w'",
            "write decimals with a point",
        ),
        ("time,power_w\n1772359200,1\n1772359201,NaN\n", Choice(), "line 3", "not a finite number"),
        ("time,power_w\n1772359200,1\n1772359201,inf\n", Choice(), "line 3", "not a finite number"),
        ("time,power_w\n1772359200,1\n1772359201,-2\n", Choice(), "line 3", "negative"),
        ("time,power_w\n1772359200,1\n1772359201,\n", Choice(), "line 3", "is not a number"),
        (
            "time,energy_j\n1772359200,10\n1772359201,9\n",
            Choice(),
            "line 3",
            "the energy falls from 10 to 9",
        ),
        (
            "time,power_w\n2026-03-01T10:00:00Z,1\n2026-03-01T10:00:01,2\n",
            Choice(timezone="UTC"),
            "line 3",
            "times change from times with a zone to times without a zone",
        ),
        (
            "time,power_w\n1772359200,1\n1772359201000,2\n",
            Choice(),
            "line 3",
            "times change from s since 1970 to ms since 1970",
        ),
        ("time,power_w\n0.1,1\n0.2,2\n", Choice(), "line 2", "neither s, ms, µs nor ns since 1970"),
        ("time,power_w\nnow,1\n", Choice(), "line 2", "'now' is not a time"),
        (
            "time,power_w\n2026-10-25 02:30:00,1\n",
            Choice(timezone="Europe/Berlin"),
            "line 2",
            "was shown twice by the clock of Europe/Berlin: daylight saving changed",
        ),
        (
            "time,power_w\n2026-03-29 02:30:00,1\n",
            Choice(timezone="Europe/Berlin"),
            "line 2",
            "was never shown by the clock of Europe/Berlin",
        ),
        (
            "time,power_w\n1,1\n1\n1,1\n1\n1,1\n1\n1,1\n1\n".replace("\n1", "\n1772359200"),
            Choice(),
            "line 3",
            "has 1 columns, the header 2",
        ),
        ("1772359200,1\n1772359201,2\n", Choice(), "line 1", "column '2' has no unit"),
        ("power_w\n1\n", Choice(), "line 1", "one column only"),
        ('time,power_w\n1772359200,"1\n', Choice(), "line 2", "has 1 columns, the header 2"),
    ],
)
def test_what_cannot_be_read_for_certain_is_refused_with_its_line(
    tmp_path: Path, text: str, choice: Choice, line: str, what: str
) -> None:
    """The message is one line, with the file, the number of the bad line, and the mistake."""
    message = refused(tmp_path, text, choice)
    assert f"meter.csv {line}" in message
    assert what in message


@pytest.mark.parametrize(
    ("choice", "what"),
    [
        (Choice(timezone="Mars/Olympus"), "is not a time zone"),
        (Choice(unit="hp"), "is not a unit of power or energy"),
        (Choice(select=(("a", "b"),)), "has no such column"),
        (Choice(column="a"), "has no such column"),
        (Choice(time_columns=("a",)), "has no such column"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, choice: Choice, what: str) -> None:
    """The option is what is wrong, not the file."""
    message = refused(tmp_path, "time,power_w\n1772359200,1\n1772359201,2\n", choice)
    assert message.startswith("--")
    assert what in message


def test_files_that_hold_nothing(tmp_path: Path) -> None:
    """Missing, empty, binary, header only."""
    with pytest.raises(BadInput, match="no such file"):
        read(tmp_path / "none.csv", Choice())
    assert "is empty" in refused(tmp_path, "  \n")
    assert "has no header" in refused(tmp_path, "# only\n")
    assert "holds no reading" in refused(tmp_path, "time,power_w\n")
    (tmp_path / "b.csv").write_bytes(b"time,power_w\n1772359200,\xff\xfe\x01\n")
    with pytest.raises(BadInput, match=r"b.csv line 2: is not text"):
        read(tmp_path / "b.csv", Choice())


def matrix(*series: tuple[dict[str, str], list[list[object]]], kind: str = "matrix") -> str:
    return json.dumps(
        {
            "status": "success",
            "data": {"resultType": kind, "result": [{"metric": m, "values": v} for m, v in series]},
        }
    )


def test_a_range_query_of_prometheus(tmp_path: Path) -> None:
    """One series, or the one whose label is named; the unit is in the metric's name."""
    one = ({"__name__": "node_power_watts", "instance": "n1"}, [[T0, "100.5"], [T0 + 1, "101"]])
    two = ({"__name__": "node_power_watts", "instance": "n2"}, [[T0, "7"], [T0 + 1, "8"]])
    meter = series(tmp_path, matrix(one), name="m.json")
    assert (meter.raw * meter.resolution).tolist() == [100.5, 101.0]
    assert meter.word == "value"
    assert series(
        tmp_path, matrix(one, two), Choice(select=(("instance", "n2"),)), "m.json"
    ).raw.tolist() == [7, 8]
    assert "holds 2 series" in refused(tmp_path, matrix(one, two), name="m.json")
    assert "0 of its 2 series fit instance=n3" in refused(
        tmp_path, matrix(one, two), Choice(select=(("instance", "n3"),)), "m.json"
    )


def test_what_is_wrong_with_prometheus_is_said_with_the_value(tmp_path: Path) -> None:
    """NaN, a vector, an error, a name without unit."""
    name = {"__name__": "p_watts"}
    assert "m.json value 2: the value is NaN" in refused(
        tmp_path, matrix((name, [[T0, "1"], [T0 + 1, "NaN"]])), name="m.json"
    )
    assert "m.json value 1: is not [seconds" in refused(
        tmp_path, matrix((name, [[T0, 1]])), name="m.json"
    )
    assert "not a matrix" in refused(tmp_path, matrix((name, []), kind="vector"), name="m.json")
    assert "has no unit" in refused(
        tmp_path, matrix(({"__name__": "p"}, [[T0, "1"], [T0 + 1, "2"]])), name="m.json"
    )
    assert "Prometheus answered with an error: bad" in refused(
        tmp_path, '{"status":"error","error":"bad"}', name="m.json"
    )
    assert "is not an answer of Prometheus" in refused(tmp_path, '{"a": 1}', name="m.json")
    assert "is not JSON" in refused(tmp_path, '{"a": ', name="m.json")
    assert "is not an answer" in refused(tmp_path, "[1, 2]", name="m.json")
    assert "this file is JSON" in refused(
        tmp_path, matrix((name, [])), Choice(column="p"), "m.json"
    )


def test_long_decimals_keep_their_value(tmp_path: Path) -> None:
    """Floats as programs print them fit whole counts of a microwatt."""
    meter = series(tmp_path, "time,power_w\n1772359200,123.45678901234567\n1772359201,1.2e3\n")
    assert np.allclose(meter.raw * meter.resolution, [123.456789, 1200.0], rtol=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        *("current_a", "voltage_v", "power_btu_h", "power_va", "power_kva", "reactive_power_var"),
        *("power_w_x10", "power_dW", "Power Factor", "Temperature", "frequency_hz", "power [hp]"),
    ],
)
def test_a_name_of_another_quantity_gets_no_unit_suggested(name: str, tmp_path: Path) -> None:
    """A column that states another quantity is refused, and no unit is proposed for it."""
    file = tmp_path / "meter.csv"
    file.write_text(f"time,{name}\n1772359200,1\n1772359201,2\n")
    with pytest.raises(BadInput) as refused:
        read(file, PLAIN)
    assert not isinstance(refused.value, Undecided)
    assert "--unit W" not in str(refused.value)


@pytest.mark.parametrize("name", ["power_limit_w", "tdp_w", "power_cap_w", "rated power (W)"])
def test_a_limit_is_no_reading(name: str, tmp_path: Path) -> None:
    """A file whose only column is a limit is refused, unless the column is named."""
    file = tmp_path / "meter.csv"
    file.write_text(f"time,{name}\n1772359200,700\n1772359201,700\n")
    with pytest.raises(BadInput, match="limit"):
        read(file, PLAIN)
