"""Files of loggers with rows of several devices, boards or quantities: the meter's rows are chosen,
or the file is refused until they are named.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters import log_lines
from energybench.meters.readings import Choice, Undecided
from tests.meters.logger_files import T0, UTC, rows, series


@pytest.mark.parametrize(
    ("line", "head", "column", "choices"),
    [
        ("{d},{t}.{d},{w}\n", "outlet,time,power_w\n", "outlet", ("outlet=7", "outlet=8")),
        ("2026/03/01 10:00:0{i}.{d}00, {d}, {w} W\n", "timestamp, index, power.draw [W]\n",
         "index", ("index=7", "index=8")),
        ("2026/03/01 10:00:0{i}.{d}00, GPU-{d}, {w} W\n", "timestamp, uuid, power.draw [W]\n",
         "uuid", ("uuid=GPU-7", "uuid=GPU-8")),
        ("sensor.p{d},{w},{t}.{d}\n", "entity_id,power_w,last_changed\n", "entity_id",
         ("entity_id=sensor.p7", "entity_id=sensor.p8")),
        ("{t}.{d},{w},x{d}\n", "time,power_w,remark\n", "remark", ("remark=x7", "remark=x8")),
        ("{t}.{d},{w},x{d}\n", "", "3", ("3=x7", "3=x8")),
    ],
)  # fmt: skip
def test_rows_of_several_devices_are_refused_until_one_is_chosen(
    tmp_path: Path, line: str, head: str, column: str, choices: tuple[str, str]
) -> None:
    """The column and its values are named; --select takes one device, whose readings are right."""
    text = head + "".join(
        line.format(d=d, i=i, t=T0 + i, w=100.0 + i + (50 if d == 8 else 0))
        for i in range(8)
        for d in (7, 8)
    )
    choice = Choice(timezone="UTC", unit="W")
    with pytest.raises(Undecided, match=f"several devices: column '{column}' takes") as caught:
        series(tmp_path / "m.csv", text, choice, None)
    assert caught.value.options == tuple(("--select", one) for one in choices)
    label, _, value = choices[1].partition("=")
    chosen = choice._replace(select=((label, value),))
    meter = series(tmp_path / "m.csv", text, chosen, None)
    assert (meter.raw * meter.resolution).tolist() == pytest.approx([150.0 + i for i in range(8)])
    with pytest.raises(BadInput, match="no row of"):
        series(tmp_path / "m.csv", text, choice._replace(select=((label, "9"),)), None)


def test_devices_in_no_order_are_told_apart_by_their_words(tmp_path: Path) -> None:
    """Two loggers write into one file as they come; the column has a name of no special kind."""
    order = "ABBABAABBABAAABBABAB" * 2
    text = "time,power_w,where\n" + "".join(
        f"{T0 + i},{100 + 60 * (one == 'B')},row {one}\n" for i, one in enumerate(order)
    )
    with pytest.raises(Undecided, match="column 'where' takes the values row A, row B in turn"):
        series(tmp_path / "m.csv", text, Choice(), None)
    state = text.replace("where", "state")
    assert series(tmp_path / "m.csv", state, Choice(), None).t_s.size == 40


def test_records_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    """A plug reports its radio as well; two plugs are two devices, and so are two nodes."""
    sensor = 'tele/{d}/SENSOR {{"Time":"2026-03-01T10:00:0{i}","ENERGY":{{"Power":{w}}}}}\n'
    radio = 'tele/{d}/STATE {{"Time":"2026-03-01T10:00:0{i}","Wifi":{{"RSSI":56}}}}\n'
    plug = "".join((sensor + radio).format(d="a", i=i, w=100 + i) for i in range(8))
    meter = series(tmp_path / "m.log", plug, UTC, None)
    assert (meter.raw * meter.resolution).tolist() == [100.0 + i for i in range(8)]
    two = "".join(sensor.format(d=d, i=i, w=100 + i) for i in range(8) for d in "ab")
    with pytest.raises(Undecided, match="column 'topic' takes the values tele/a/SENSOR, tele/b"):
        series(tmp_path / "m.log", two, UTC, None)
    event = ':::MLLOG {{"time_ms": {t}000, "key": "power_reading", "value": {w}, "metadata": '
    nodes = "".join(
        event.format(t=T0 + i, w=100 + i) + f'{{"host": "node_{d}"}}}}\n'
        for i in range(8)
        for d in (0, 1)
    )
    with pytest.raises(Undecided, match=r"column 'metadata.host' takes the values node_0, node_1"):
        series(tmp_path / "m.log", nodes, Choice(), None)
    chosen = Choice(select=(("metadata.host", "node_1"),))
    assert series(tmp_path / "m.log", nodes, chosen, None).t_s.size == 8


def test_the_board_of_the_option_is_chosen_by_its_uuid(tmp_path: Path) -> None:
    """nvidia-smi logs every board; --board names one of them already."""
    text = "timestamp, uuid, power.draw [W]\n" + "".join(
        f"2026/03/01 10:00:0{i}.000, GPU-{d}, {d}00.5 W\n" for i in range(5) for d in (1, 2)
    )
    meter = series(tmp_path / "m.csv", text, UTC._replace(board="GPU-2"), None)
    assert set((meter.raw * meter.resolution).tolist()) == {200.5}


@pytest.mark.parametrize("others", [("GPU-1a", "GPU-2b"), ("GPU-1a",)])
@pytest.mark.parametrize("select", [(), (("index", "1"),)])
def test_rows_of_another_board_are_refused(
    tmp_path: Path, others: tuple[str, ...], select: tuple[tuple[str, str], ...]
) -> None:
    """Whether or not --select takes them: the UUID in the file contradicts --board."""
    text = "timestamp, index, uuid, power.draw [W]\n" + "".join(
        f"2026/03/01 10:00:0{i}.000, 1, {board}, 71.5 W\n" for i in range(5) for board in others
    )
    choice = UTC._replace(board="GPU-3c", select=select)
    with pytest.raises(BadInput, match="are of another board: column 'uuid' holds GPU-1a"):
        series(tmp_path / "m.csv", text, choice, None)


def test_a_quantity_beside_the_power_is_no_device(tmp_path: Path) -> None:
    """Temperatures, states and clocks take few values too, and power is not theirs."""
    text = "time,power_w,temperature.gpu,pstate,fan\n" + "".join(
        f"{T0 + i},{100 + i},{60 + i * i % 3},{('P0', 'P2')[i % 5 // 3]},{i * i % 7 % 4}\n"
        for i in range(40)
    )
    assert series(tmp_path / "m.csv", text, Choice(), None).t_s.size == 40


def test_several_columns_of_times_or_values_are_named(tmp_path: Path) -> None:
    """With an option for each; a number stands for a column without a name."""
    text = rows("{t},{t}.5,{w},{w},7\n", "start_time,end_time,a_w,b_w,c\n")
    with pytest.raises(Undecided, match="'start_time', 'end_time' all hold times"):
        series(tmp_path / "m.csv", text, Choice(), None)
    times = Choice(time_columns=("end_time",))
    with pytest.raises(Undecided, match="has 2 value columns"):
        series(tmp_path / "m.csv", text, times, None)
    assert series(tmp_path / "m.csv", text, times._replace(column="b_w"), None).t_s[0] == T0 + 0.5
    assert series(tmp_path / "m.csv", text, times._replace(column="4"), None).t_s[0] == T0 + 0.5


@pytest.mark.parametrize(
    "line",
    [
        "#" * 1_000_000,
        "x " * 500_000,
        " " * 1_000_000,
        "Timestamp:" + " " * 500_000 + "x" + " " * 500_000,
        "Timestamp :" * 100_000,
        "# gpu" + " pw" * 300_000,
    ],
)
def test_a_long_line_is_no_hang(line: str) -> None:
    """Each line is looked at in linear time: in quadratic time this test would not end."""
    reading = "Instantaneous power reading: 300 Watts"
    assert log_lines.read("file", [line]) is None
    table = log_lines.read("file", ["2026-03-01 10:00:00", reading, line])
    assert table is not None
