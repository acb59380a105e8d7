"""Exports of spreadsheets, portals and home servers, attached to a run of known truth: the energy
is right, or the file is refused with a command that reads it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.metered_runs import STARTED, Run, mean_j, node_j
from tests.cli.process import Ran, in_process, one_line
from tests.cli.test_attach_layouts import log, stamp, times, watts

TRUTH_J = mean_j(node_j)
DAY_ZERO_S = 2_209_161_600  # from 1899-12-30 to 1970-01-01


def attach(run: Run, file: Path, *options: str) -> Ran:
    arguments = ("--meter", file.name, "--scope", "node", "--accuracy", "1%", *options)
    return in_process("attach", run.id, *arguments, "--json", cwd=run.folder)


def checked(run: Run, ran: Ran, rel: float = 0.005) -> str:
    """The energy is right; the messages of the doubts."""
    assert ran.code == 0, ran.err
    energy = ran.json["energy_j"]
    assert energy["low"] <= TRUTH_J <= energy["high"]
    assert energy["value"] == pytest.approx(TRUTH_J, rel=rel)
    return " ".join(doubt["message"] for doubt in ran.json["doubts"])


def suggested(run: Run, refused: Ran) -> Ran:
    """What the command of a refusal does."""
    line = one_line(refused)
    command = line[line.index("for example: ") + len("for example: ") : -1]
    return in_process(*shlex.split(command)[1:], "--json", cwd=run.folder)


def day(t: float, digits: int = 8) -> str:
    return f"{(STARTED.timestamp() + t + DAY_ZERO_S) / 86400:.{digits}f}"


def de(number: str) -> str:
    """With a decimal comma."""
    return number.replace(".", ",")


def wh(t: float) -> float:
    """Energy of the second before t."""
    return watts(t) / 3600


Line = Callable[[float], str]
# header, a line, what the refusal says ("" if the file is read at once)
EXPORTS: dict[str, tuple[str, Line, str]] = {
    "energy of each interval": (
        "time,energy_wh",
        lambda t: f"{stamp(t)}Z,{wh(t):.6f}",
        "the energy falls from",
    ),
    "energy of each interval, with a decimal comma": (
        "Zeit;Verbrauch [kWh]",
        lambda t: f"{stamp(t, '%d.%m.%Y %H:%M:%S.%f')};{de(f'{wh(t) / 1000:.9f}')}",
        "has no zone",
    ),
    "days of a spreadsheet": (
        "Time,Power (W)",
        lambda t: f"{day(t)},{watts(t):.1f}",
        "is a spreadsheet's number of days, and has no zone",
    ),
    "days of a spreadsheet, with decimal commas": (
        "Datum;Leistung (W)",
        lambda t: f"{de(day(t))};{de(f'{watts(t):.1f}')}",
        "is a spreadsheet's number of days, and has no zone",
    ),
    "a PDU's page": (
        "PDU rack 7\n\nOutlet 3\n\nTime (UTC),Current (A),Active Power (W),Apparent Power (VA)",
        lambda t: f"{stamp(t)}Z,1.2,{watts(t):.1f},{watts(t) * 1.1:.1f}",
        "",
    ),
    "a power analyser with units in the second line": (
        "Store No.,Date,Time,Urms-1,P-1\n,,,[V],[W]",
        lambda t: f"{round(t + 61)},{stamp(t, '%Y/%m/%d,%H:%M:%S.%f')},230.123,{watts(t):.4f}",
        "has no zone",
    ),
    "Grafana, wide": (
        '"Time","node 1 {power} (W)"',
        lambda t: f'"{stamp(t, "%Y-%m-%d %H:%M:%S.%f")}","{watts(t):.1f} W"',
        "has no zone",
    ),
    "InfluxDB, annotated": (
        "#datatype,string,long,dateTime:RFC3339,double,string\n"
        "#group,false,false,false,false,true\n#default,_result,,,,\n"
        ",result,table,_time,_value,_field",
        lambda t: f",,0,{stamp(t)}Z,{watts(t):.1f},power_w",
        "has 2 value columns",
    ),
    "quotes, separated thousands and trailing separators": (
        "Zeit;Leistung [mW];",
        lambda t: f'"{stamp(t)}Z";"{de(f"{watts(t) * 1000:_.1f}").replace("_", ".")}";',
        "",
    ),
    "AM and PM": (
        "Time,Watts",
        lambda t: f"{stamp(t, '%m/%d/%Y %I:%M:%S.%f')} {stamp(t, '%p xxx')[:2]},{watts(t):.1f}",
        "has no zone",
    ),
    "a counter of a home server": (
        "entity_id,state,last_changed",
        lambda t: f"sensor.plug_energy,{node_j(t) / 3.6e6 + 12:.8f},{stamp(t)}Z",
        "has no unit",
    ),
    "Prometheus as CSV": (
        "instance,timestamp,value",
        lambda t: f"node1,{STARTED.timestamp() + t:.3f},{watts(t):.1f}",
        "has no unit",
    ),
    "a UPS in local time with the zone in the header": (
        "Date/Time (Europe/Berlin);Load [kW]",
        lambda t: f"{stamp(t + 3600, '%d.%m.%Y %H:%M:%S.%f')};{de(f'{watts(t) / 1000:.6f}')}",
        "has no zone",
    ),
    "Grafana, long": (
        "Series;Time;Value",
        lambda t: f"node1 power;{stamp(t)}Z;{watts(t):.1f}",
        "has no unit",
    ),
    "turbostat": (
        "Time_Of_Day_Seconds\tCore\tBusy%\tPkgTmp\tPkgWatt\tRAMWatt",
        lambda t: f"{STARTED.timestamp() + t:.6f}\t-\t12.3\t61\t{watts(t):.2f}\t4.51",
        "has 2 value columns",
    ),
    "a Modbus logger in mW": (
        "ts;P_total (mW);U (V)",
        lambda t: f"{round((STARTED.timestamp() + t) * 1000)};{watts(t) * 1000:.0f};231",
        "",
    ),
    "a cloud plug with a header in the middle": (
        "timestamp,power (W)",
        lambda t: f"{stamp(t)}Z,{watts(t):.1f}" + ("\ntimestamp,power (W)" if 10 < t < 11 else ""),
        "",
    ),
    "a loop of perf": (
        "# started on Sun Mar  1 10:00:00 2026\n",
        lambda t: f"{STARTED.timestamp() + t:.3f},{wh(t) * 3600:.3f},Joules,power/energy-pkg/",
        "the energy falls from",
    ),
}


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_exports(node: Run, name: str, newest_first: bool) -> None:
    """Read at once, or refused with a command that reads the file, in either order of the rows."""
    head, line, refusal = EXPORTS[name]
    lines = [line(t) for t in times()]
    file = log(node, [head, *(lines[::-1] if newest_first else lines)])
    ran = attach(node, file)
    if refusal:
        assert refusal in one_line(ran)
        # the place, and the column if the mistake is in a column of readings
        assert "meter.log line " in ran.err
        assert "falls" not in refusal or ": column '" in ran.err
        ran = suggested(node, ran)
    messages = checked(node, ran)
    assert ("newest reading first" in messages) == newest_first


@pytest.mark.parametrize(
    ("replaced", "what"),
    [
        ("", "a row is missing"),
        ("{time},n/a", "'n/a' is not a number"),
        ("{time},-0.1", "the energy is negative"),
        ("{time},65535", "is above 15000 W"),
    ],
)
def test_every_interval_counts(node: Run, replaced: str, what: str) -> None:
    """The energy of a missing or failed row cannot be known: its line is named."""
    lines = ["time,energy_wh"]
    for t in times():
        place, line = f"{stamp(t)}Z", f"{stamp(t)}Z,{wh(t):.6f}"
        lines.append(replaced.format(time=place) if 80 < t < 81 else line)
    line = one_line(attach(node, log(node, lines), "--per-interval"))
    assert what in line
    assert "meter.log line 14" in line
    assert "column 'energy_wh'" in line


def test_power_has_no_intervals(node: Run) -> None:
    lines = ["time,power_w", *(f"{stamp(t)}Z,{watts(t):.1f}" for t in times())]
    line = one_line(attach(node, log(node, lines), "--per-interval"))
    assert "--per-interval: column 'power_w' holds power" in line


def test_a_counter_that_starts_anew_names_the_option(node: Run) -> None:
    """A single fall is a counter that was reset, or an energy of intervals that is even."""
    lines = ["time,energy_j"]
    lines += [f"{stamp(t)}Z,{node_j(t) - (node_j(80) if t > 80 else 0):.0f}" for t in times()]
    line = one_line(attach(node, log(node, lines)))
    assert "the counter started anew" in line
    assert "--per-interval" in line


def test_a_counter_of_seconds_is_no_date(node: Run) -> None:
    """Seconds since the log began, which are far from the run as days."""
    lines = ["time_s,power_w", *(f"{40000 + t:.1f},{watts(t):.1f}" for t in times())]
    line = one_line(attach(node, log(node, lines)))
    assert "is neither s, ms, µs nor ns since 1970" in line
