"""Sensors calibrated against a meter that was attached to a run, on replayed sensors whose truth is
known.
"""

from __future__ import annotations

import math
import resource
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from energybench.cli.calibrate_check import channel_rows
from energybench.model import Trace
from energybench.store import reader
from energybench.store.profiles import read_file
from tests.cli import process
from tests.cli.metered_runs import (
    BOARD,
    FIXED_W,
    GPU,
    PSU,
    Run,
    attach,
    copied,
    energybench,
    mean_j,
    measured,
    meter,
    node_j,
)
from tests.cli.process import one_line

pytestmark = pytest.mark.xdist_group("calibrate_against")  # the fixtures are made once


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A CPU node measured once; its sensors show 6 % too much."""
    return measured(tmp_path_factory.mktemp("node"), 1.06)


def test_a_board_calibrated_against_its_meter_gives_the_true_energy(tmp_path: Path) -> None:
    """The sensors show 0.9 of the truth.

    Attach the board's meter, calibrate, measure again: the board's joules are right, and narrower.
    """
    run = measured(tmp_path, 0.9, gpu=True)
    ran = attach(
        run,
        meter(tmp_path / "riser.csv", GPU.energy_j, -7.4, 0.1),
        "--board",
        BOARD,
        "--json",
        scope="gpu",
    )
    assert ran.code == 0, ran.err
    assert ran.json["boundary"]["name"] == "compute"
    assert ran.json["components_j"]["gpu.board"]["value"] == pytest.approx(
        0.9 * mean_j(GPU.energy_j), rel=0.003
    )
    env = {"ENERGYBENCH_PROFILES": str(tmp_path / "profiles")}
    against = process.energybench(
        "calibrate", "--against", f"{run.id}_attached", "--json", cwd=tmp_path, env=env
    )
    assert against.code == 0, against.err
    gains = {channel["channel"].split("/")[-1]: channel for channel in against.json["channels"]}
    assert set(gains) == {"energy", "power_instant"}
    for one in gains.values():
        assert one["low"] <= 0.9 <= one["high"]
        assert one["gain"] == pytest.approx(0.9, rel=0.005)
        assert 0.004 < one["u_rel"] < 0.012
    traces, _ = reader.read_traces(run.directory)
    again = _remeasured(run, traces, tmp_path / "profiles").components_j["gpu.board"]
    assert again.low <= mean_j(GPU.energy_j) <= again.high
    assert again.half_width < 0.025 * again.value


def _remeasured(run: Run, traces: Any, folder: Path) -> Any:
    """The run's own samples under the profiles."""
    from energybench.analysis.measurement.measure import Record, measure
    from energybench.analysis.measurement.profiles import apply
    from energybench.measuring.session import ranges
    from energybench.store import profiles

    old = reader.read_run(run.directory)
    _, windows = reader.read_traces(run.directory)
    channels, doubts = apply(
        profiles.read(folder),
        [trace.channel for trace in traces],
        old.host,
        datetime.now(UTC).isoformat(),
    )
    assert not doubts
    assert {channel.gain.value != 1.0 for channel in channels if channel.collector == "nvml"} == {
        True
    }
    profiles_made = tuple(
        Trace(channel=channel, t_s=trace.t_s, raw=trace.raw, ok=trace.ok)
        for trace, channel in zip(traces, channels, strict=True)
    )
    works = tuple(repeat.work for repeat in old.repeats)
    record = Record(old.id, old.label, None, None, "compute", old.host, windows, works, ())
    return measure(record, profiles_made, ranges())


def test_runs_under_two_calibrations_do_not_share_the_error(tmp_path: Path) -> None:
    """A board is calibrated against a meter that shows 1.4 % too much, and between two runs against
    one that shows 1.4 % too little: by their ratio the runs do not differ. Each profile names the
    meter, its part of the uncertainty, and the driver and date of the gain.
    """
    from energybench.analysis.comparison.compare import compare
    from energybench.store import profiles

    run = measured(tmp_path, 1.0, gpu=True)
    traces, _ = reader.read_traces(run.directory)
    sides = []
    for name, off in (("first", 1.014), ("second", 0.986)):
        copy = copied(run, tmp_path / name)
        file = meter(copy.folder / "riser.csv", lambda t, off=off: off * GPU.energy_j(t), 0.0, 0.1)
        stated = ("--board", BOARD, "--accuracy", "2%", "--name", name)
        assert attach(copy, file, *stated, scope="gpu").code == 0
        against = energybench(
            *("calibrate", "--against", f"{run.id}_attached", "--out", "profiles"), cwd=copy.folder
        )
        assert against.code == 0, against.err
        for profile in profiles.read(copy.folder / "profiles"):
            gain = profile.gain
            assert gain is not None
            assert gain.meter is not None
            assert (gain.meter.name, gain.meter.key) == (name, f"gain:meter:{name}")
            assert gain.meter.u_rel == pytest.approx(0.02 / math.sqrt(3))
            assert gain.meter.u_rel < gain.u_rel < 0.013
            assert (gain.driver, gain.clocks) == (profile.driver, profile.clocks)
            assert (gain.driver, gain.made_utc) == ("570.1", profile.made_utc)
        result = _remeasured(run, traces, copy.folder / "profiles")
        sides.append(replace(result, id=name, label=name))
    ratio = compare(*sides).energy_ratio
    assert ratio is not None
    assert abs(ratio.value - 1) > 0.015
    assert ratio.low <= 1 <= ratio.high


def test_check_judges_a_gain_apart_from_the_timing(tmp_path: Path) -> None:
    """A gain of another driver is named as a gain, and its remedy is a meter."""
    run = measured(tmp_path, 1.0, gpu=True)
    file = meter(tmp_path / "riser.csv", GPU.energy_j, 0.0, 0.1)
    assert attach(run, file, "--board", BOARD, scope="gpu").code == 0
    against = energybench(
        *("calibrate", "--against", f"{run.id}_attached", "--out", "profiles"), cwd=tmp_path
    )
    assert against.code == 0, against.err
    (written,) = (tmp_path / "profiles").iterdir()
    host = reader.read_run(run.directory).host
    for driver, refused in (("570.1", None), ("580.1", "made with driver 570.1, this is 580.1")):
        gpus = tuple(replace(gpu, driver=driver) for gpu in host.gpus)
        rows = [
            row
            for profile in read_file(written).channels
            for row in channel_rows(profile, replace(host, gpus=gpus), {profile.channel})
        ]
        assert {row["channel"].split(" ")[0] for row in rows} == {"gain"}
        for row in rows:
            assert (row["refused"] or "").startswith(refused or "")
            assert (row["refused"] is None) == (refused is None)
            assert "--against" in row["remedy"]


def test_a_node_meter_tells_the_common_scale_where_the_supply_is_known(node: Run) -> None:
    """The sensors' sum shows 1.06 of the truth; with the supply's efficiency stated the scale's
    interval holds it, and both channels have it.
    """
    assert attach(node, meter(node.folder / "pdu.csv", node_j, 0.8)).code == 0
    ran = energybench(
        "calibrate",
        "--against",
        f"{node.id}_attached",
        "--psu-efficiency",
        "0.94",
        "--out",
        "profiles",
        "--json",
        cwd=node.folder,
    )
    assert ran.code == 0, ran.err
    scale = ran.json["scale"]
    assert scale["low"] <= 1.06 <= scale["high"]
    assert {channel["gain"] for channel in ran.json["channels"]} == {scale["value"]}
    assert ran.json["fixed_w"] == pytest.approx(FIXED_W / PSU, rel=0.02)
    for channel in ran.json["channels"]:
        half = (channel["high"] - channel["low"]) / 2
        assert half == pytest.approx(1.96 * channel["u_rel"] * channel["gain"], rel=0.01)
    by = {channel["channel"].split("/")[2]: channel for channel in ran.json["channels"]}
    assert by["cpu.package"]["u_rel"] < by["cpu.package"]["prior_rel"]
    assert (
        by["cpu.dram"]["u_rel"] > by["cpu.package"]["u_rel"]
    )  # a small part of the sum is hardly known better
    assert [path.name for path in (node.folder / "profiles").iterdir()] == ["n1_package-0.json"]
    memory = by["cpu.dram"]
    text = energybench(
        "calibrate",
        "--against",
        f"{node.id}_attached",
        "--psu-efficiency",
        "0.94",
        "--out",
        "profiles",
        cwd=node.folder,
    ).out
    assert "sum of the sensors: shown / true" in text
    row = text[text.index(memory["channel"]) :].splitlines()[1]
    low, high = (float(word.strip("[],")) for word in row.split("[")[1].split("]")[0].split(","))
    assert (low, high) == pytest.approx((memory["low"], memory["high"]), abs=0.006)


@pytest.mark.parametrize("named", ["option", "environment"])
def test_a_disk_without_space_for_the_profile_is_named(node: Run, named: str) -> None:
    """The file, and how to name another folder; the code is that of storage that failed."""
    file = meter(node.folder / "pdu.csv", node_j, 0.8)
    assert attach(node, file).code == 0
    out = ("--out", "profiles") if named == "option" else ()
    words = ("calibrate", "--against", f"{node.id}_attached", "--psu-efficiency", "0.94", *out)
    done = subprocess.run(
        process.command(*words),
        cwd=node.folder,
        env=process.with_env({"ENERGYBENCH_PROFILES": "profiles"}),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 125, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "profiles/n1_package-0.json: the profile cannot be written: File too large" in line
    assert "ENERGYBENCH_PROFILES=FOLDER" in line
    assert not list((node.folder / "profiles").iterdir())


def test_a_reference_that_tells_nothing_new_is_refused(node: Run) -> None:
    """An unknown supply hides what RAPL is believed to know; a run without a meter has nothing to
    compare with.
    """
    assert "has no reference meter" in one_line(
        energybench("calibrate", "--against", node.id, "--out", "p", cwd=node.folder)
    )
    assert attach(node, meter(node.folder / "pdu.csv", node_j)).code == 0
    line = one_line(
        energybench("calibrate", "--against", f"{node.id}_attached", "--out", "p", cwd=node.folder)
    )
    assert "this reference does not improve on the prior: 1.1" in line
    assert not (node.folder / "p").exists()
