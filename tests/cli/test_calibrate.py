"""`energybench calibrate` on simulated boards that follow what is launched on them, and on a socket
that follows the spinning cores.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Ran, energybench, one_line
from tests.simulators import cuda_environment, live_node, nvml_environment

pytestmark = pytest.mark.xdist_group("calibrate")  # one calibration, which the module's tests share

UUID = "GPU-5eed0000-0000-0000-0000-000000000000"
HIDDEN = "GPU-5eed0001-0000-0000-0000-000000000001"  # NVML has it, CUDA does not
ENERGY, INSTANT, AVERAGE = (
    f"nvml/{UUID}/gpu.board/{name}" for name in ("energy", "power_instant", "power_average")
)
PACKAGE = "rapl/package-0/cpu.package/energy"
A100 = "count=2\ngpu1.wave=const,60\nphase_ms=37\nenergy_ms=20\nlag_ms=40\n"
H100 = "cc=9.0\nname=NVIDIA H100 (simulated)\nphase_ms=61\nenergy_ms=100\nenergy_from=samples\n"


def channels(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0, ran.err
    return {
        channel["channel"]: channel
        for device in ran.json["devices"]
        for channel in device["channels"]
    }


def near(channel: dict[str, Any], name: str, expected_s: float, at_most_u_s: float) -> None:
    """Within five standard uncertainties, which are as small as eight seconds on a busy machine
    allow.
    """
    assert channel[f"{name}_u_s"] <= at_most_u_s, channel
    assert abs(channel[f"{name}_s"] - expected_s) <= 5 * channel[f"{name}_u_s"], channel


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], Ran]:
    """An A100-like board with a lag of 40 ms, one that cannot be driven, and a socket, calibrated
    once for all tests: folder, environment, what was said.
    """
    folder = tmp_path_factory.mktemp("calibrated")
    (folder / "root").mkdir()
    profiles = folder / "profiles"
    env = {**cuda_environment(folder, A100), "ENERGYBENCH_PROFILES": str(profiles)}
    zones = {
        "intel-rapl:0": {
            "name": "package-0",
            "watts": 50,
            "core_watts": 40,
            "follows": str(profiles),
        },
        "intel-rapl:0:0": {"name": "dram", "watts": 9},
    }
    with live_node(folder / "root", zones):
        ran = energybench(
            "calibrate",
            "--json",
            "--no-limits",
            "--seconds",
            "8",
            "--root",
            str(folder / "root"),
            cwd=folder,
            env=env,
        )
    return folder, env, ran


@pytest.fixture
def own(
    calibrated: tuple[Path, dict[str, str], Ran], tmp_path: Path
) -> tuple[Path, dict[str, str]]:
    """A copy of the profiles that a test may spoil, and the environment with its folder."""
    folder, env, _ = calibrated
    shutil.copytree(folder / "profiles", tmp_path / "profiles")
    return tmp_path / "profiles", {**env, "ENERGYBENCH_PROFILES": str(tmp_path / "profiles")}


def test_a_board_like_an_a100(calibrated: tuple[Path, dict[str, str], Ran]) -> None:
    """25 ms of each 100 ms, 40 ms late; a counter of 20 ms that integrates everything."""
    figures = channels(calibrated[2])
    near(figures[INSTANT], "update_period", 0.1, 0.003)
    near(figures[INSTANT], "window", 0.025, 0.01)
    near(figures[INSTANT], "lag", 0.04, 0.01)
    near(figures[ENERGY], "update_period", 0.02, 0.002)
    assert figures[ENERGY]["integrates_all"] is True
    assert figures[INSTANT]["high_w"] == pytest.approx(330, rel=0.1)


def test_a_socket_that_follows_the_cores(calibrated: tuple[Path, dict[str, str], Ran]) -> None:
    """Its step is that of all cores, though other programs may have had them for part of the time;
    its lag is at most its millisecond; the memory's counter, which follows nothing, says so.
    """
    figures = channels(calibrated[2])
    package, memory = figures[PACKAGE], figures["rapl/package-0/cpu.dram/energy"]
    assert package["low_w"] == pytest.approx(50, rel=0.1)
    cores = len(os.sched_getaffinity(0))
    assert package["high_w"] == pytest.approx(50 + 40 * cores, rel=0.1)
    assert package["lag_u_s"] <= 0.01
    assert abs(package["lag_s"]) <= 0.001 + 5 * package["lag_u_s"]
    assert package["integrates_all"] is None
    assert memory["lag_s"] is None
    assert any("does not follow" in note for note in memory["notes"])


def test_one_file_a_device_and_where(calibrated: tuple[Path, dict[str, str], Ran]) -> None:
    folder, _, ran = calibrated
    written = [Path(path) for path in ran.json["written"]]
    assert sorted(written) == sorted((folder / "profiles").iterdir())
    assert {json.loads(path.read_text())["device"] for path in written} == {UUID, "package-0"}
    board = json.loads(next(path for path in written if UUID in path.name).read_text())
    assert {channel["driver"] for channel in board["channels"]} == {"550.54.15"}
    assert "power limit 400 W" in board["channels"][0]["clocks"]


def test_an_average_like_the_h100s_and_a_counter_of_samples(tmp_path: Path) -> None:
    """1 s of window if power_average says so; the counter sees a quarter; in words for a person."""
    env = {**cuda_environment(tmp_path, H100), "ENERGYBENCH_PROFILES": str(tmp_path / "profiles")}
    ran = energybench(
        "calibrate",
        "--drive",
        UUID,
        "--no-limits",
        "--seconds",
        "8",
        "--collector",
        "nvml",
        cwd=tmp_path,
        env=env,
    )
    assert ran.code == 0, ran.err
    assert "counts samples: sees" in ran.out
    assert "written to" in ran.out
    (file,) = (tmp_path / "profiles").iterdir()
    saved = {channel["channel"]: channel for channel in json.loads(file.read_text())["channels"]}
    assert saved[AVERAGE]["window_s"] == pytest.approx(1.0, abs=0.1)
    assert saved[INSTANT]["window_s"] == pytest.approx(0.025, abs=0.02)
    assert saved[ENERGY]["window_s"] == pytest.approx(0.025, abs=0.02)


def measured(env: dict[str, str], cwd: Path) -> Any:
    ran = energybench(
        "measure",
        "--json",
        "--collector",
        "nvml",
        "--boundary",
        "device",
        "--",
        "sleep",
        "0.5",
        cwd=cwd,
        env=env,
    )
    assert ran.code == 0, ran.err
    return ran.json


def test_a_run_picks_the_profile_up(own: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    """Timing from the profile, with its date, period and window; doctor shows the same with its
    age; an empty folder turns it off.
    """
    _, env = own
    rows = {
        channel["quantity"]: channel
        for channel in measured(env, tmp_path)["channels"]
        if channel["device"] == UUID
    }
    assert rows["power_instant"]["timing"] == rows["energy"]["timing"] == "profile"
    assert rows["energy"]["calibrated_utc"].startswith("20")
    assert rows["energy"]["update_period_s"] == pytest.approx(0.02, abs=0.003)
    assert rows["power_instant"]["window_s"] == pytest.approx(0.025, abs=0.02)
    assert "timing: profile, 0 days old" in energybench("doctor", cwd=tmp_path, env=env).out
    (tmp_path / "empty").mkdir()
    off = measured({**env, "ENERGYBENCH_PROFILES": str(tmp_path / "empty")}, tmp_path)
    assert {channel["calibrated_utc"] for channel in off["channels"]} == {None}
    assert "profile" not in {channel["timing"] for channel in off["channels"]}


def test_another_power_limit_refuses_it(own: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    """The run goes on with the prior and says why; --check says it too, and is an error where the
    file was named.
    """
    profiles, env = own
    changed = {
        **nvml_environment(tmp_path, "count=1\nlimit=300\n"),
        "ENERGYBENCH_PROFILES": str(profiles),
    }
    run = measured(changed, tmp_path)
    (doubt,) = [doubt for doubt in run["doubts"] if doubt["code"] == "profile-refused"]
    assert "made at power limit 400 W" in doubt["message"]
    assert {channel["calibrated_utc"] for channel in run["channels"]} == {None}
    checked = energybench("calibrate", "--check", cwd=tmp_path, env=changed)
    assert (checked.code, checked.out.count("refused  nvml/")) == (0, 2)
    file = next(path for path in profiles.iterdir() if UUID in path.name)
    assert "power limit 300 W" in one_line(
        energybench("calibrate", "--check", "--profile", str(file), cwd=tmp_path, env=changed)
    )
    checked = energybench(
        "calibrate", "--check", "--profile", str(file), "--collector", "nvml", cwd=tmp_path, env=env
    )
    assert (checked.code, checked.out.count("fits     nvml/")) == (0, 2)


def test_a_profile_of_another_board_driver_or_version(
    own: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """Named explicitly: exit 2, one line, the file and what is wrong.

    Found in the folder: a doubt, or none of ours.
    """
    profiles, env = own
    file = next(path for path in profiles.iterdir() if UUID in path.name)
    sound = file.read_text()
    for old, new, expected in (
        (UUID, "GPU-another", "has no such board"),
        ("550.54.15", "535.104", "made with driver 535.104, this is 550.54.15: calibrate again"),
        ("energybench-profile/1", "energybench-profile/7", "schema"),
        ("}", "", "is not JSON"),
    ):
        file.write_text(sound.replace(old, new))
        line = one_line(
            energybench("calibrate", "--check", "--profile", str(file), cwd=tmp_path, env=env)
        )
        assert expected in line
        assert file.name in line
    assert [
        doubt["code"]
        for doubt in measured(env, tmp_path)["doubts"]
        if doubt["code"].startswith("profile")
    ] == ["profile-broken"]
    checked = energybench("calibrate", "--check", "--json", cwd=tmp_path, env=env)
    assert checked.code == 0
    assert len(checked.json["broken"]) == 1


def test_a_board_that_cuda_does_not_show(
    calibrated: tuple[Path, dict[str, str], Ran], tmp_path: Path
) -> None:
    """Is named with the reason and the remedy, and costs the other devices nothing; asked for alone
    it is a mistake of one line.
    """
    _, env, ran = calibrated
    (missing,) = [device for device in ran.json["devices"] if device["not_driven"]]
    assert missing["device"] == HIDDEN
    assert "CUDA does not show this board (boards shown: 1)" in missing["not_driven"]["reason"]
    line = one_line(
        energybench(
            "calibrate",
            "--drive",
            HIDDEN,
            "--no-limits",
            "--out",
            str(tmp_path),
            cwd=tmp_path,
            env=env,
        )
    )
    assert "CUDA_VISIBLE_DEVICES" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--drive", "GPU-none"], "fits no board"),
        (["--drive", ""], "fits no board"),
        (["--seconds", "1"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--collector", "nonsense"], "no such collector"),
        (["--profile", "x.json"], "goes with --check"),
        (["--check", "--profile", "missing.json"], "missing.json: no such file"),
        (["--check", "--against", "run"], "--against"),
        (["--limits-only", "--no-limits"], "--limits-only"),
        (["--root", "nowhere"], "is not a folder"),
        (["--out", "a-file"], "is not a folder"),
    ],
)
def test_nonsense_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "a-file").write_text("")
    env = {
        **nvml_environment(tmp_path, "count=1\n"),
        "ENERGYBENCH_PROFILES": str(tmp_path / "profiles"),
    }
    assert said in one_line(energybench("calibrate", *arguments, cwd=tmp_path, env=env))
    assert not (tmp_path / "profiles").exists()


def test_a_machine_without_sensors(tmp_path: Path) -> None:
    """Nothing to calibrate is said at once."""
    (tmp_path / "root").mkdir()
    line = one_line(
        energybench(
            "calibrate", "--collector", "estimate", "--root", str(tmp_path / "root"), cwd=tmp_path
        )
    )
    assert "no sensor" in line
    assert "--limits-only" in line
