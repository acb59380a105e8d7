"""The layouts of loggers: times, values and units come out as they were written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from energybench.errors import BadInput
from energybench.meters import log_lines
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from energybench.meters.series import MeterSeries
from energybench.meters.stretch import Around

T0 = 1_772_359_200  # 2026-03-01T10:00:00Z
UTC = Choice(timezone="UTC")
BERLIN = Choice(timezone="Europe/Berlin")
DCMI = """
    Instantaneous power reading:                   {watts} Watts
    Minimum during sampling period:                 10 Watts
    Maximum during sampling period:                600 Watts
    Average power reading over sample period:      140 Watts
    IPMI timestamp:                           {stamp}
    Sampling period:                          00000001 Seconds.
    Power reading state is:                   {state}

"""
PTD = "Time,03-01-2026 10:00:0{i}.000,Watts,{w},Volts,229.1,Amps,0.46,PF,0.5,Mark,a_testing\n"


def series(path: Path, content: str | bytes, choice: Choice, near: Around | None) -> MeterSeries:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, choice, near)


def rows(line: str, head: str = "", count: int = 4) -> str:
    """A log of count lines: {i} is 0, 1, …, {w} is 100.5, 101.5, …, {c} the same with a comma."""
    lines = [
        line.format(i=i, w=100.5 + i, c=f"{100 + i},5", n=100 + i, t=T0 + i) for i in range(count)
    ]
    return head + "".join(lines)


CLOCK = "2026-03-01 10:00:0{i}"
KNOWN = {
    "nvidia-smi": (rows("2026/03/01 10:00:0{i}.000, {w} W\n", "timestamp, power.draw [W]\n"), UTC),
    "nvidia-smi nounits": (
        rows("2026/03/01 10:00:0{i}.000, 0, {w}, 300.00\n",
             "timestamp, index, power.draw [W], power.limit [W]\n"),
        UTC,
    ),
    "nvidia-smi noheader": (rows("2026/03/01 10:00:0{i}.000, GPU-1, {w} W\n"), UTC),
    "dmon": (
        rows(" 20260301   10:00:0{i}      0  {w}    19     -\n",
             "#Date       Time        gpu   pwr gtemp mtemp\n"
             "#YYYYMMDD   HH:MM:SS    Idx     W     C     C\n"),
        UTC,
    ),
    "PTDaemon": (rows(PTD), UTC),
    "MLLOG": (
        rows('0: :::MLLOG {{"namespace": "", "time_ms": {t}000, '
             '"key": "power_reading", "value": {w}, "metadata": {{"host": "node_0"}}}}\n',
             ':::MLLOG {"time_ms": 1772359199000, "key": "run_start", "value": null}\n'
             ':::MLLOG {"time_ms": 1772359199000, "key": "conversion_eff", "value": 0.9}\n'),
        Choice(),
    ),
    "date and time": (rows("01.03.2026;10:00:0{i};{c}\n", "Datum;Zeit;Leistung (W)\n"), UTC),
    "time and date": (rows("10:00:0{i},2026-03-01,{w}\n", "Time,Date,Power (W)\n"), UTC),
    "ms": (rows("{t}000;{c}\n", "t_ms;P [W]\n"), Choice()),
    "µs": (rows("{t}000000,{w}\n", "t,power_w\n"), Choice()),
    "ns": (rows("{t}000000000,{w}\n", "t,power_w\n"), Choice()),
    "ISO with a comma": (rows("2026-03-01T10:00:0{i},000Z;{c}\n", "time;W\n"), Choice()),
    "ISO with a blank zone": (rows(CLOCK + " +0000,{w}\n", "time,W\n"), Choice()),
    "ISO with UTC": (rows(CLOCK + " UTC,{w}\n", "time,W\n"), Choice()),
    "ISO basic": (rows("20260301T10000{i}Z,{w}\n", "time,W\n"), Choice()),
    "compact": (rows("202603011000 0{i},{w}\n".replace(" ", ""), "time,W\n"), UTC),
    "date(1)": (rows("Sun Mar  1 10:00:0{i} UTC 2026,{w}\n", "time,W\n"), Choice()),
    "ctime": (rows("Sun Mar  1 10:00:0{i} 2026,{w}\n", "time,W\n"), UTC),
    "AM and PM": (rows("3/1/2026 10:00:0{i} AM,{w}\n", "time,W\n"), UTC),
    "a named month": (rows("01-Mar-2026 10:00:0{i},{w}\n", "time,W\n"), UTC),
    "UTF-16": (rows("{t};{c}\r\n", "time;P [W]\r\n").encode("utf-16"), Choice()),
    "UTF-16 without a mark": (rows("{t};{c}\n", "time;P [W]\n").encode("utf-16-le"), Choice()),
    "UTF-16 big end first": (rows("{t};{c}\n", "time;P [W]\n").encode("utf-16-be"), Choice()),
    "UTF-8 with a mark": (b"\xef\xbb\xbf" + rows("{t},{w}\n", "time,P [W]\n").encode(), Choice()),
    "Windows 1252": (
        rows("{t};{c};20\n", "Zeit;Leistung [W];Temperatur [°C]\n").encode("cp1252"),
        Choice(),
    ),
    "sep=": (rows("{t};{c}\r\n", "sep=;\r\ntime;P [W]\r\n"), Choice()),
    "quoted": (rows('"{t}","{w}"\n', '"time","P, all phases [W]"\n'), Choice()),
    "quoted decimal commas": (rows('"{t}","{c}"\n', '"time","P [W]"\n'), Choice()),
    "comments": (rows("{t},{w}\n", "# meter 7\ntime,power_w\n# began\n"), Choice()),
    "preamble": (rows("{t},{w},1\n", "Meter 7\nSerial,12\n\ntime,power_w,pf\n"), Choice()),
    "a line of units": (rows("{t}\t{w}\t230\n", "time\tP\tU\ns\tW\tV\n"), Choice()),
    "spaces": (rows("{t} {w} W\n").replace(" W", "W"), Choice()),
    "bars": (rows("{t}|{w}\n", "time|power_w\n"), Choice()),
    "trailing separators": (rows("{t};{c};\n", "time;P [W]\n"), Choice()),
    "another clock beside": (
        rows("12345{i},{t},{w},900\n", "uptime_s,timestamp,power_w,lifetime energy (s)\n"),
        Choice(),
    ),
    "ipmitool, one line each": (
        rows("Instantaneous power reading:                   {w} Watts\t    IPMI timestamp:     "
             "                      Sun Mar  1 10:00:0{i} 2026\n"),
        UTC,
    ),
    "date in front of ipmitool": (
        rows("Sun Mar  1 10:00:0{i} UTC 2026\n"
             + DCMI.format(watts="{w}", stamp="Thu Jan  1 00:00:00 1970", state="activated")),
        Choice(),
    ),
    "date behind FreeIPMI": (
        rows("Current Power                        : {w} Watts\nPower Measurement : Active\n{t}\n"),
        Choice(),
    ),
    "ipmitool behind a time": (
        rows("2026-03-01T10:00:0{i}Z     Instantaneous power reading:   {w} Watts\n"),
        Choice(),
    ),
    "Tasmota": (
        rows('tele/plug/SENSOR {{"Time":"2026-03-01T10:00:0{i}","ENERGY":{{"TotalStartTime":'
             '"2025-09-16T00:00:00","Total":2.813,"Power":{w},"Voltage":235}}}}\n'),
        UTC,
    ),
    "Shelly behind a time": (
        rows('2026-03-01T10:00:0{i}Z plug/status/switch:0 {{"id":0,"output":true,"apower":{w},'
             '"aenergy":{{"total":11.6,"by_minute":[1.0,2.0,3.0],"minute_ts":1772359200}}}}\n'),
        Choice(),
    ),
    "records of a Redfish report": (
        '{"Id": "PowerMetrics", "MetricValues": ['
        + ",".join(
            f'{{"MetricId": "SystemInputPower", "MetricValue": "{100.5 + i}", '
            f'"Timestamp": "2026-03-01T10:00:0{i}+00:00"}}'
            for i in range(4)
        )
        + "]}",
        Choice(unit="W"),
    ),
    "a list of records": (
        "[" + ",".join(f'{{"ts": {T0 + i}, "power_w": {100.5 + i}}}' for i in range(4)) + "]",
        Choice(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_each_layout_gives_the_times_and_watts_that_were_written(tmp_path: Path, name: str) -> None:
    """100.5, 101.5, … W, one second apart from 10:00:00 UTC."""
    content, choice = KNOWN[name]
    meter = series(tmp_path / "m.csv", content, choice, Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == [T0 + i for i in range(4)]
    assert (meter.raw * meter.resolution).tolist() == pytest.approx([100.5 + i for i in range(4)])
    assert meter.kind == "power"
    assert not meter.left_out


@pytest.mark.parametrize(
    ("cells", "watts"),
    [
        (("0,9", "1,25 kW"), [0.9, 1250.0]),
        (("980 W", "1.2 kW"), [980.0, 1200.0]),
        (("1.234,5", "980,0"), [1234.5, 980.0]),
        (("1,234.5", "980.0"), [1234.5, 980.0]),
        (("1'234.5", "980.0"), [1234.5, 980.0]),
        (("1 234,5", "980,0"), [1234.5, 980.0]),
        (("62150 mW", "62250 mW"), [62.15, 62.25]),
        (("1.5e2", "200"), [150.0, 200.0]),
    ],
)
def test_numbers_of_every_country(
    tmp_path: Path, cells: tuple[str, str], watts: list[float]
) -> None:
    """Decimal commas, separated thousands, and units in the cells, which may change."""
    text = f"time;P [W]\n{T0};{cells[0]}\n{T0 + 1};{cells[1]}\n"
    meter = series(tmp_path / "m.csv", text, Choice(), None)
    assert (meter.raw * meter.resolution).tolist() == pytest.approx(watts)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (("1.234", "980"), "may hold a decimal mark or separate thousands"),
        (("5 W", "7 Wh"), "changes between power and energy"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(
    tmp_path: Path, cells: tuple[str, str], what: str
) -> None:
    """A thousand times too little is the worst of results."""
    text = f"time;P\n{T0};{cells[0]}\n{T0 + 1};{cells[1]}\n"
    with pytest.raises(BadInput, match=what):
        series(tmp_path / "m.csv", text, Choice(unit="W") if "W" not in text else Choice(), None)


def test_a_day_that_may_be_a_month_is_decided_by_the_run(tmp_path: Path) -> None:
    """3/1/2026 is March 1 for a run of March 1 and January 3 for a run of January 3; without a run,
    or with a day above 12, the file decides or is refused.
    """
    path, text = tmp_path / "m.csv", rows("03/01/2026 10:00:0{i},{w}\n", "time,W\n")
    assert series(path, text, UTC, Around(T0 - 60, T0 + 60)).t_s[0] == T0
    january = T0 - 57 * 86400
    assert series(path, text, UTC, Around(january - 60, january + 60)).t_s[0] == january
    with pytest.raises(Undecided, match="may begin with the day or the month"):
        series(path, text, UTC, None)
    stated = UTC._replace(time_format="%m/%d/%Y %H:%M:%S")
    assert series(path, text, stated, None).t_s[0] == T0
    assert series(path, text.replace("03/01", "01/13"), UTC, None).t_s[0] == T0 - 47 * 86400


def test_an_hour_that_the_clock_showed_twice_follows_the_readings_before(tmp_path: Path) -> None:
    """In October in Berlin 02:00 to 03:00 comes twice; a log without a break tells which is which,
    and its times rise through the change. In March the clock skips an hour.
    """
    lines = [f"2026-10-25 02:{m:02d}:00,1\n" for m in range(0, 60, 5)]
    before = [f"2026-10-25 01:{m:02d}:00,1\n" for m in range(30, 60, 5)]
    after = ["2026-10-25 03:00:00,1\n"]
    text = "time,power_w\n" + "".join(before + lines + lines + after)
    meter = series(tmp_path / "m.csv", text, BERLIN, None)
    assert set((meter.t_s[1:] - meter.t_s[:-1]).tolist()) == {300.0}
    with pytest.raises(BadInput, match="was shown twice by the clock of Europe/Berlin"):
        series(tmp_path / "m.csv", "time,power_w\n" + "".join(lines + after), BERLIN, None)
    spring = "time,power_w\n2026-03-29 01:59:59,1\n2026-03-29 03:00:00,1\n"
    assert series(tmp_path / "m.csv", spring, BERLIN, None).t_s.tolist() == [
        1_774_745_999,
        1_774_746_000,
    ]


@pytest.mark.parametrize(
    ("ahead_h", "zone"), [(0, "UTC"), (1, "Etc/GMT-1"), (-8, "Etc/GMT+8"), (5.5, "Asia/Kolkata")]
)
def test_a_missing_zone_is_suggested_by_the_time_of_the_run(
    tmp_path: Path, ahead_h: float, zone: str
) -> None:
    """The zone in which the file's times are near the run comes first, and is one that exists."""
    lines = [
        datetime.fromtimestamp(T0 + 3600 * ahead_h + i, ZoneInfo("UTC")).strftime("%F %T,5")
        for i in range(9)
    ]
    text = "\n".join(["time,power_w", *lines])
    around = Around(T0 - 600, T0 + 900)
    with pytest.raises(Undecided, match="has no zone") as caught:
        series(tmp_path / "m.csv", text, Choice(), around)
    assert caught.value.options[0] == ("--timezone", zone)
    assert series(tmp_path / "m.csv", text, Choice(timezone=zone), around).t_s[0] == T0


def test_offsets_that_are_written_may_change(tmp_path: Path) -> None:
    """A time with its offset is one moment, whatever the offset of the line before."""
    text = "time,power_w\n2026-03-01T10:00:00Z,1\n2026-03-01T11:00:01+01:00,2\n"
    assert series(tmp_path / "m.csv", text, Choice(), None).t_s.tolist() == [T0, T0 + 1]


def test_of_two_files_in_one_the_piece_of_the_run_is_taken(tmp_path: Path) -> None:
    """A logger that was started again on another day appends to the old file, header and all; a
    clock that was set back within the run is refused with its line.
    """
    late = "time,power_w\n" + "".join(f"{T0 + 86400 + i},7\n" for i in range(5))
    text = late + rows("{t},{w}\n", "time,power_w\n")
    meter = series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == [T0 + i for i in range(4)]
    back = rows("{t},{w}\n", "time,power_w\n") + f"{T0 + 1},5\n{T0 + 2},5\n"
    with pytest.raises(BadInput, match=r"line 6: time goes back by 2 s"):
        series(tmp_path / "m.csv", back, Choice(), Around(T0 - 60, T0 + 60))


def test_the_newest_reading_may_come_first(tmp_path: Path) -> None:
    """Times that stand twice, too; the readings are in ascending time, with their lines."""
    times = [T0 + i for i in range(12)]
    text = "time,power_w\n" + "".join(f"{t},{t - T0 + 5}\n" for t in reversed(times))
    meter = series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == times
    assert meter.raw.tolist() == [5 + i for i in range(12)]
    assert meter.places.tolist() == list(range(13, 1, -1))
    twice = text.replace(f"{T0 + 7},12\n", f"{T0 + 7},12\n" * 2)
    meter = series(tmp_path / "m.csv", twice, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == times


@pytest.mark.parametrize("stray", [T0 + 5000, T0 - 5000])
def test_a_single_time_out_of_order_is_left_out(tmp_path: Path, stray: int) -> None:
    """A clock that was set stays set: only a row between two that follow each other is a stray."""
    lines = [f"{T0 + i},5\n" for i in range(30)]
    lines[17] = f"{stray},5\n"
    text = "time,power_w\n" + "".join(lines)
    meter = series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == [T0 + i for i in range(30) if i != 17]
    assert [row.place for row in meter.left_out] == [19]
    for back in (1.5, 3.5, 20.0):
        lines = [f"{T0 + i - (back if i >= 17 else 0)},5\n" for i in range(60)]
        text = "time,power_w\n" + "".join(lines)
        with pytest.raises(BadInput, match="line 19: time goes back by"):
            series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))


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
