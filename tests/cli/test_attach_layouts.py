"""Files of meters as people have them, attached to a run of known truth: the node's energy lies in
the interval, or the file is refused with a command that works.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.metered_runs import (
    BOARD,
    GPU,
    STARTED,
    Run,
    attach,
    energybench,
    mean_j,
    measured,
    node_j,
)
from tests.cli.process import Ran, one_line

TRUTH_J = mean_j(node_j)


def stamp(t: float, layout: str = "%Y-%m-%dT%H:%M:%S.%f") -> str:
    """UTC, cut to ms."""
    return (STARTED + timedelta(seconds=t)).strftime(layout)[:-3]


def watts(t: float, width: float = 1.0) -> float:
    """Mean power at the plug over the time before t."""
    return (node_j(t) - node_j(t - width)) / width


def times(first: float = -60.3, last: float = 160.0, spacing: float = 1.0) -> list[float]:
    return [first + spacing * k for k in range(int((last - first) / spacing))]


def log(run: Run, lines: Iterable[str], name: str = "meter.log") -> Path:
    path = run.folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def attached(run: Run, file: Path, *options: str, scope: str = "node") -> Any:
    """The document of the new run, whose energy holds the truth."""
    ran = attach(run, file, *options, "--json", scope=scope)
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    if scope == "node":
        energy = document["energy_j"]
        assert energy["low"] <= TRUTH_J <= energy["high"]
    return document


def suggested(run: Run, refused: Ran) -> Ran:
    """What the command of a refusal does."""
    line = one_line(refused)
    command = line[line.index("for example: ") + len("for example: ") : -1]
    return energybench(*shlex.split(command)[1:], "--json", cwd=run.folder)


def codes(document: Any) -> set[str]:
    return {doubt["code"] for doubt in document["doubts"]}


def nvidia_smi(t: float) -> str:
    return f"{stamp(t, '%Y/%m/%d %H:%M:%S.%f')}, {watts(t):.2f} W"


def ptdaemon(t: float) -> str:
    return (
        f"Time,{stamp(t, '%m-%d-%Y %H:%M:%S.%f')},Watts,{watts(t):.6f},Volts,229.0,Amps,1.2,"
        "PF,0.9,Mark,run_testing"
    )


def mllog(t: float) -> str:
    record = {
        "namespace": "",
        "time_ms": round((STARTED.timestamp() + t) * 1000),
        "event_type": "POINT_IN_TIME",
        "key": "power_reading",
        "value": round(watts(t), 1),
        "metadata": {"host": "node_0", "lineno": 3},
    }
    return f":::MLLOG {json.dumps(record)}"


def spreadsheet(t: float) -> str:
    return f"{stamp(t, '%d.%m.%Y;%H:%M:%S.%f')};{watts(t):.1f}".replace(".", ",").replace(
        stamp(t, "%d.%m.%Y;%H:%M:%S.%f").replace(".", ","), stamp(t, "%d.%m.%Y;%H:%M:%S.%f")
    )


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (nvidia_smi, "timestamp, power.draw [W]"),
        (ptdaemon, ""),
        (mllog, ""),
        (spreadsheet, "Date;Time;Active Power (W)"),
    ],
)
def test_logs_of_power_tools_give_the_energy(
    node: Run, line: Callable[[float], str], head: str
) -> None:
    """Refused for want of a zone at most, with a command that works; a spacing of 0.93 s."""
    lines = ([head] if head else []) + [line(t) for t in times(spacing=0.93)]
    ran = attach(node, log(node, lines), "--json")
    if ran.code:
        assert "has no zone" in ran.err
        assert "--timezone UTC" in ran.err
        ran = suggested(node, ran)
    assert ran.code == 0, ran.err
    energy = ran.json["energy_j"]
    assert energy["value"] == pytest.approx(TRUTH_J, rel=0.01)
    assert energy["low"] <= TRUTH_J <= energy["high"]


@pytest.mark.parametrize(
    ("head", "zone", "value", "faults"),
    [
        ("power", "Z", lambda w: f"{-w:.1f}", ("has no unit", "the value is negative")),
        ("power_w", "", lambda w: f"{-w:.1f}", ("has no zone", "the value is negative")),
        (
            "power",
            "",
            lambda w: f"{-w:.1f}",
            ("has no unit", "has no zone", "the value is negative"),
        ),
        ("power", "Z", lambda w: "n/a", ("has no unit", "'n/a' is not a number")),
        ("power_w", "", lambda w: f"{-w:.1f}" if w > 300 else "n/a", ("has no zone", "negative")),
    ],
)
def test_all_faults_of_a_file_stand_in_one_refusal(
    node: Run, head: str, zone: str, value: Callable[[float], str], faults: tuple[str, ...]
) -> None:
    """Also those that would show only once the first were resolved, each with its line."""
    lines = [f"time,{head}", *(f"{stamp(t)}{zone},{value(watts(t))}" for t in times())]
    refused = one_line(attach(node, log(node, lines)))
    assert "line 2" in refused
    for fault in faults:
        assert fault in refused


def test_a_column_of_extremes_is_not_the_power(node: Run) -> None:
    """The largest power between two rows, alone in the file; `--column` takes it all the same."""
    lines = ["time,power_max_w", *(f"{stamp(t)}Z,{watts(t) * 1.2:.1f}" for t in times())]
    file = log(node, lines)
    assert "'power_max_w', which by its name holds the extremes" in one_line(attach(node, file))
    assert attach(node, file, "--column", "power_max_w").code == 0
    for mean in ("power 1 min (W)", "max load: mean power (W)"):
        shutil.rmtree(node.attached(), ignore_errors=True)
        attached(
            node, log(node, [f"time,{mean}", *(f"{stamp(t)}Z,{watts(t):.1f}" for t in times())])
        )


@pytest.mark.parametrize(
    ("column", "unit_j", "step", "digits"),
    [("energy_kwh", 3.6e6, 1.0, 0), ("wh", 3600.0, 50.0, 1), ("wh", 3600.0, 20.0, 2)],
)
def test_a_counter_too_coarse_for_the_run_is_refused(
    node: Run, column: str, unit_j: float, step: float, digits: int
) -> None:
    """Neither taken for another node's meter, nor attached with an interval that says nothing."""
    lines = [f"time,{column}"]
    for t in times():
        joules = 1e9 + (node_j(t) if t > 0 else node_j(1.0) * t)
        lines.append(f"{stamp(t)}Z,{joules // (step * unit_j) * step:.{digits}f}")
    refused = attach(node, log(node, lines), "--max-offset", "1")
    assert f"column {column!r} rose " in one_line(refused)
    assert "which shows no power" in one_line(refused)


def test_a_row_per_outlet_is_refused_and_the_outlet_that_follows_the_run_is_suggested(
    node: Run,
) -> None:
    """The other outlet draws 1.6 times the power at other times: no suggestion is a guess."""
    lines = ["outlet,time,power_w"]
    for t in times():
        lines.append(f"7,{stamp(t + 0.5)}Z,{300 + 250 * (t // 13 % 2):.1f}")
        lines.append(f"8,{stamp(t)}Z,{watts(t):.1f}")
    refused = attach(node, log(node, lines))
    assert "column 'outlet' takes the values 7, 8 in turn" in one_line(refused)
    assert "--select outlet=8" in one_line(refused)
    ran = suggested(node, refused)
    assert ran.code == 0, ran.err
    assert ran.json["energy_j"]["value"] == pytest.approx(TRUTH_J, rel=0.003)


def test_one_refusal_suggests_every_option_that_is_missing(node: Run) -> None:
    """A log without header, in local time, of two devices, with two values a row."""
    lines = [
        f"{name} {stamp(t + 3600, '%Y-%m-%d %H:%M:%S.%f')} {watts(t) * factor:.1f} 230.1"
        for t in times()
        for name, factor in (("a", 1.0), ("b", 0.3))
    ]
    refused = attach(node, log(node, lines))
    ran = suggested(node, refused)
    assert ran.code == 0, (refused.err, ran.err)
    assert ran.json["energy_j"]["value"] == pytest.approx(TRUTH_J, rel=0.003)


def test_failed_readings_cost_their_own_time_alone(node: Run) -> None:
    """0xFFFF, 0, [N/A] and megawatts in every repeat: each line is named, and the energy is right
    with and without a search for the clock.
    """
    failed = {50: "65535", 51: "0", 75: "[N/A]", 76: "-3", 100: "4294967.295"}
    lines = ["time,power_w"]
    lines += [f"{stamp(t)}Z,{failed.get(round(t), f'{watts(t):.1f}')}" for t in times()]
    file = log(node, lines)
    for options in ((), ("--max-offset", "0")):
        document = attached(node, file, *options)
        assert document["energy_j"]["value"] == pytest.approx(TRUTH_J, rel=0.002)
        message = next(
            doubt["message"]
            for doubt in document["doubts"]
            if doubt["code"] == "meter-rows-left-out"
        )
        place = lines.index(next(line for line in lines if line.endswith(",65535"))) + 1
        assert message.startswith("5 of ")
        assert f"line {place}: 65535 stands for a failed reading" in message
        shutil.rmtree(node.attached())


def test_a_meter_that_reads_nothing_within_a_repeat_is_refused(node: Run) -> None:
    """A dozen zeros in a row: the node drew power, the meter did not see it."""
    lines = ["time,power_w"]
    lines += [f"{stamp(t)}Z,{0 if 66 < t < 79 else round(watts(t), 1)}" for t in times()]
    refused = attach(node, log(node, lines), "--max-offset", "0")
    assert "shows 0 W while the run was on" in one_line(refused)


@pytest.mark.parametrize("width", [8.0, 10.0])
def test_readings_that_average_over_many_spacings(node: Run, width: float) -> None:
    """Stated or not, the readings behind the run are kept, and none is missed."""
    lines = ["time,power_w"]
    lines += [f"{stamp(t)}Z,{watts(t, width):.1f}" for t in times(-200.3, 300.0)]
    file = log(node, lines)
    stated = attached(node, file, "--averaging", str(width))
    assert codes(stated).isdisjoint({"sensor-lost", "meter-smooths"})
    shutil.rmtree(node.attached())
    found = attached(node, file)
    assert "sensor-lost" not in codes(found)
    message = next(d["message"] for d in found["doubts"] if d["code"] == "meter-smooths")
    assert "as averages over" in message


def test_a_value_that_is_renewed_every_few_seconds(node: Run) -> None:
    """A BMC that renews its mean every 5 s and is asked every second: one reading a renewal."""
    lines = ["time,power_w"]
    lines += [f"{stamp(t)}Z,{watts(t // 5 * 5, 5.0) + t // 5 * 7 % 4:.0f}" for t in times()]
    document = attached(node, log(node, lines))
    message = next(d["message"] for d in document["doubts"] if d["code"] == "meter-smooths")
    assert "their values change every 5 s" in message


def test_a_log_of_changes_is_refused_until_its_powers_hold(node: Run) -> None:
    """A smart plug of Home Assistant writes a row for each change."""
    lines, last = ["entity_id,state,last_changed"], -1.0
    for t in times(-90.0, 200.0, 0.5):
        power = watts(t + 0.001, 0.001)
        if abs(power - last) > 5:
            lines.append(f"sensor.plug_power,{power:.1f},{stamp(t)}Z")
            last = power
    refused = attach(node, log(node, lines), "--unit", "W")
    assert "--holds" in one_line(refused)
    ran = suggested(node, refused)
    assert ran.code == 0, ran.err
    energy = ran.json["energy_j"]
    assert energy["low"] <= TRUTH_J <= energy["high"]
    assert energy["value"] == pytest.approx(TRUTH_J, rel=0.01)
    assert {"reading-gap", "sensor-lost"}.isdisjoint(codes(ran.json))


def test_a_log_of_all_boards_is_a_reference_of_the_board_that_is_named(tmp_path: Path) -> None:
    """`nvidia-smi --query-gpu=timestamp,uuid,power.draw` with --board."""
    run = measured(tmp_path, gpu=True)
    lines = ["timestamp, uuid, power.draw [W]"]
    for t in times():
        board_w = GPU.energy_j(t) - GPU.energy_j(t - 1)
        clock = stamp(t, "%Y/%m/%d %H:%M:%S.%f")
        lines += [f"{clock}, {BOARD}, {board_w:.2f} W", f"{clock}, GPU-2, {70 + t % 9:.2f} W"]
    file = log(run, lines)
    document = attached(run, file, "--board", BOARD, "--timezone", "UTC", scope="gpu")
    assert document["components_j"]["gpu.board"]["value"] == pytest.approx(
        mean_j(GPU.energy_j), rel=0.003
    )


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--averaging", "inf"), "--averaging inf: is not a number"),
        (("--averaging", "1e9"), "is out of range"),
        (("--averaging", "2", "--holds"), "is not for --holds"),
        (("--time-column", "a") * 3, "--time-column: stands 3 times"),
        (("--time-format", "%H"), "is not a time of --time-format %H"),
    ],
)
def test_options_without_a_meaning_are_one_line(
    node: Run, options: tuple[str, ...], what: str
) -> None:
    """And nothing is written."""
    file = log(node, ["time,power_w", *(f"{stamp(t)}Z,{watts(t):.1f}" for t in times())])
    assert what in one_line(attach(node, file, *options))
    assert not node.attached().exists()


def test_files_that_are_no_files(node: Run) -> None:
    """A device, a folder, a pipe without a writer: refused at once."""
    os.mkfifo(node.folder / "pipe")
    for name, what in (("/dev/zero", "is a device"), (".", "is a folder"), ("pipe", "is a pipe")):
        assert what in one_line(attach(node, Path(name)))
