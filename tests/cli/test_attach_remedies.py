"""What a refusal suggests is right, and what a person insists on has a doubt: names of columns,
feeds of one load, meters in turn, and the hour that comes twice.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from energybench.store.layout import RUN
from tests.cli.metered_runs import (
    FIXED_W,
    PSU,
    STARTED,
    Run,
    attach,
    energybench,
    mean_j,
    measured,
    node_j,
)
from tests.cli.process import Ran, one_line
from tests.cli.test_attach_layouts import codes, log, stamp, times, watts

TRUTH_J = mean_j(node_j)


def table(run: Run, head: str, cells: Callable[[float], str]) -> Path:
    return log(run, [head, *(f"{stamp(t)}Z,{cells(watts(t))}" for t in times())])


def command(refused: Ran) -> list[str]:
    line = one_line(refused)
    return shlex.split(line[line.index("for example: ") + len("for example: ") : -1])


def right(ran: Ran) -> None:
    assert ran.code == 0, ran.err
    energy = ran.json["energy_j"]
    assert energy["low"] <= TRUTH_J <= energy["high"]
    assert energy["value"] == pytest.approx(TRUTH_J, rel=0.003)


def doubted(run: Run, ran: Ran, code: str) -> str:
    """The message of the doubt; the attached run is removed again."""
    assert ran.code == 0, ran.err
    shutil.rmtree(run.attached())
    return str(next(one["message"] for one in ran.json["doubts"] if one["code"] == code))


def test_active_power_is_suggested_and_apparent_power_has_a_doubt(node: Run) -> None:
    head = "time,power_apparent,power_reactive,power_active"
    file = table(node, head, lambda w: f"{w / 0.8:.1f},{w * 0.75:.1f},{w:.1f}")
    refused = attach(node, file)
    assert command(refused)[-2:] == ["--unit", "W"]
    right(energybench(*command(refused)[1:], "--json", cwd=node.folder))
    shutil.rmtree(node.attached())
    for name in ("power_apparent", "power_reactive"):
        ran = attach(node, file, "--column", name, "--unit", "W", "--json")
        assert name.split("_")[1] in doubted(node, ran, "meter-name-contradicts")
    alone = table(node, "time,apparent_power", lambda w: f"{w / 0.8:.1f}")
    assert "by its name holds apparent power" in one_line(attach(node, alone, "--unit", "W"))


def test_the_average_is_taken_and_extremes_have_a_doubt(node: Run) -> None:
    head = "time,power_min_w,power_avg_w,power_max_w"
    file = table(node, head, lambda w: f"{w * 0.9:.1f},{w:.1f},{w * 1.3:.1f}")
    ran = attach(node, file, "--json")
    right(ran)
    assert "meter-name-contradicts" not in codes(ran.json)
    shutil.rmtree(node.attached())
    ran = attach(node, file, "--column", "power_min_w", "--json")
    assert "the extremes between two rows" in doubted(node, ran, "meter-name-contradicts")


def test_a_unit_of_another_scale_is_not_suggested(node: Run) -> None:
    """Hectowatts as kilowatts are ten times too much, and fit this run nevertheless."""
    file = table(node, "time,power [hW]", lambda w: f"{w / 100:.4f}")
    line = one_line(attach(node, file))
    assert "for example" not in line
    assert "'hW' is not a known unit" in line
    ran = attach(node, file, "--unit", "kW", "--json")
    assert "readings in 'hW'" in doubted(node, ran, "meter-name-contradicts")


def test_one_feed_has_a_doubt(node: Run) -> None:
    """Of two columns, of the rows of two sensors, of two series of Prometheus."""
    file = table(node, "time,power_left_w,power_right_w", lambda w: f"{w * 0.6:.1f},{w * 0.4:.1f}")
    assert "write their sum" in one_line(attach(node, file))
    ran = attach(node, file, "--column", "power_left_w", "--json")
    assert "'power_right_w'" in doubted(node, ran, "meter-one-feed")

    lines = [
        f"{stamp(t)}Z,PSU{psu}_Input,{watts(t) * share:.1f}"
        for t in times()
        for psu, share in ((1, 0.6), (2, 0.4))
    ]
    file = log(node, ["time,sensor,power_w", *lines])
    assert "for example" not in one_line(attach(node, file))
    ran = attach(node, file, "--select", "sensor=PSU1_Input", "--json")
    assert "sensor=PSU2_Input" in doubted(node, ran, "meter-one-feed")

    result = [
        {
            "metric": {"__name__": "power_watts", "psu": psu},
            "values": [[STARTED.timestamp() + t, f"{watts(t) * share:.1f}"] for t in times()],
        }
        for psu, share in (("1", 0.6), ("2", 0.58))
    ]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    file = log(node, [json.dumps(answer)], "answer.json")
    assert "query their sum" in one_line(attach(node, file))
    ran = attach(node, file, "--select", "psu=1", "--json")
    assert "psu=2" in doubted(node, ran, "meter-one-feed")


@pytest.mark.parametrize(("factor", "late_s"), [(0.6, 0.5), (1.4, 0.5), (0.8, 0.33)])
def test_two_meters_in_turn_have_a_doubt(node: Run, factor: float, late_s: float) -> None:
    lines = ["time,power_w"]
    for t in times():
        lines.append(f"{stamp(t)}Z,{watts(t):.1f}")
        lines.append(f"{stamp(t + late_s)}Z,{watts(t) * factor:.1f}")
    ran = attach(node, log(node, lines), "--json")
    assert "at 2 levels" in doubted(node, ran, "meter-interleaved")
    ran = attach(node, table(node, "time,power_w", lambda w: f"{w:.1f}"), "--json")
    right(ran)
    assert "meter-interleaved" not in codes(ran.json)


def other_run(run: Run) -> Run:
    """The same run again, to be compared with."""
    again = run.directory.with_name("2026-03-02T10-00-00Z_solver_0000")
    shutil.copytree(run.directory, again)
    stored = json.loads((again / RUN).read_text("utf-8"))
    (again / RUN).write_text(json.dumps({**stored, "id": again.name}), "utf-8")
    return Run(run.folder, again.name)


@pytest.mark.parametrize(
    ("factor", "fixed_w", "cause"),
    [
        (1 / 2, 600.0, "one of several feeds or phases"),
        (1 / 3, 1200.0, "one of several feeds or phases"),
        (2.0, 90.0, "other nodes of the job may be on the same outlet"),
        (4.0, 90.0, "other nodes of the job may be on the same outlet"),
        (10.0, 90.0, "its unit or factor may be wrong"),
    ],
)
@pytest.mark.parametrize("dc", [False, True])
def test_a_meter_of_a_part_of_the_node_or_of_several_has_a_doubt_and_no_verdict(
    node: Run, factor: float, fixed_w: float, cause: str, dc: bool
) -> None:
    """A lone column: nothing in the file shows the other feeds. The level is possible, the rise
    with the load is not.
    """
    more = fixed_w - FIXED_W
    options = ["--json", *(["--dc"] if dc else [])]
    supply = PSU if dc else 1.0
    column = "psu1_output_power_w" if dc else "psu1_input_power_w"
    file = table(
        node, f"time,{column}", lambda w: f"{(w * PSU + more) / PSU * supply * factor:.1f}"
    )
    ran = attach(node, file, *options)
    assert ran.code == 0, ran.err
    [message] = [one["message"] for one in ran.json["doubts"] if one["code"] == "meter-slope"]
    assert cause in message
    whole = other_run(node)
    file = table(node, "time,power_w", lambda w: f"{(w * PSU + more) / PSU * supply:.1f}")
    right = attach(whole, file, *options)
    assert "meter-slope" not in codes(right.json)
    compared = energybench(
        "compare", str(whole.attached()), str(node.attached()), "--json", cwd=node.folder
    )
    assert compared.json["verdict"] is None, compared.err


@pytest.mark.parametrize("other", ["350 W every 7 s", "0.6 of the node every 5 s"])
def test_rows_of_another_meter_between_have_a_doubt_and_no_verdict(node: Run, other: str) -> None:
    """Not in turn: a few rows among many."""
    every = int(other.split(" ")[-2])
    lines = ["time,power_w"]
    for i, t in enumerate(times()):
        lines.append(f"{stamp(t)}Z,{watts(t):.1f}")
        if i % every == 0:
            watt = 350.0 if other.startswith("350") else 0.6 * watts(t)
            lines.append(f"{stamp(t + 0.5)}Z,{watt:.1f}")
    ran = attach(node, log(node, lines), "--json")
    assert ran.code == 0, ran.err
    [message] = [one["message"] for one in ran.json["doubts"] if one["code"] == "meter-outliers"]
    assert "change the energy by -" in message
    whole = other_run(node)
    file = table(node, "time,power_w", lambda w: f"{w:.1f}")
    assert "meter-outliers" not in codes(attach(whole, file, "--json").json)
    compared = energybench(
        "compare", str(whole.attached()), str(node.attached()), "--json", cwd=node.folder
    )
    assert compared.json["verdict"] is None, compared.err


def test_a_name_that_cannot_be_typed_is_suggested_by_its_number(node: Run) -> None:
    """An escape character in the header, in a label, and in the device of a row."""
    head = "time,pow\x1b[31mer_w,\x1b]0;x\x07b_w"
    refused = attach(node, table(node, head, lambda w: f"{w:.1f},3"))
    assert command(refused)[-2:] == ["--column", "2"]
    right(energybench(*command(refused)[1:], "--json", cwd=node.folder))
    shutil.rmtree(node.attached())
    lines = [
        f"{stamp(t)}Z,{name},{w:.1f}"
        for t in times()
        for name, w in (("plug\x1b[1m", watts(t)), ("lamp", 5.0))
    ]
    refused = attach(node, log(node, ["time,\x1b[1mdevice,power_w", *lines]))
    assert "--select '2=lamp'" in one_line(refused)


def at(folder: Path, anchor: str) -> Run:
    folder.mkdir()
    return measured(folder, anchor=anchor)


@pytest.mark.parametrize(
    ("began", "zone", "options"),
    [
        ("2026-10-25T00:30:00+00:00", "Europe/Berlin", ["--timezone", "Etc/GMT-2"]),
        ("2026-10-25T01:30:00+00:00", "Europe/Berlin", ["--timezone", "Etc/GMT-1"]),
        ("2026-11-01T05:30:00+00:00", "America/New_York", ["--timezone", "Etc/GMT+4"]),
        # the clock goes back within the run: the log itself tells
        ("2026-10-25T00:59:00+00:00", "Europe/Berlin", None),
        ("2026-11-01T05:59:00+00:00", "America/New_York", None),
    ],
)
def test_an_hour_that_the_clock_showed_twice(
    tmp_path: Path, began: str, zone: str, options: list[str] | None
) -> None:
    """A log that lies wholly in one of the two hours is read in a zone of one offset."""
    run = at(tmp_path / "run", began)
    start = datetime.fromisoformat(began)
    lines = ["time,power_w"]
    for t in times(-20.3):
        local = (start + timedelta(seconds=t)).astimezone(ZoneInfo(zone))
        lines.append(f"{local:%Y-%m-%d %H:%M:%S.%f},{watts(t):.1f}")
    ran = attach(run, log(run, lines), "--timezone", zone, "--json")
    if options is not None:
        assert "was shown twice" in one_line(ran)
        assert command(ran)[-2:] == options
        assert command(ran).count("--timezone") == 1
        ran = energybench(*command(ran)[1:], "--json", cwd=run.folder)
    right(ran)
