"""`energybench run WORKLOAD` through real processes: repeats, stopping, checks, and workloads that
misbehave.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.plugin import install
from tests.cli.process import command, energybench, in_process, one_line, until

QUICK = ("--idle", "0.2", "--min-window", "0", "--max-warm-up", "1")
HALF_SECOND = ("--idle", "0", "--min-window", "0.5")  # beside QUICK, the last of an option counts


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return install(tmp_path_factory.mktemp("plugin"))


def run(tmp: Path, env: dict[str, str], *arguments: str):  # type: ignore[no-untyped-def]
    return energybench("run", "pause", "--json", *QUICK, *arguments, cwd=tmp, env=env)


def start(tmp: Path, env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """A run of 20 repeats of half a second in a process group of its own, to be interrupted."""
    long = ("--repeats", "20", "--set", "seconds=0.5")
    return subprocess.Popen(
        command("run", "pause", "--json", *QUICK, *long, *arguments),
        cwd=tmp,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(tmp: Path, words: str) -> None:
    """Wait until the files of the unfinished run hold these words."""

    def written() -> bool:
        files = tmp.glob("results/.partial-*/*.json*")
        return any(words in file.read_text("utf-8") for file in files)

    until(written)


def measure(tmp: Path, env: dict[str, str], *arguments: str):  # type: ignore[no-untyped-def]
    return energybench("measure", "--json", *arguments, cwd=tmp, env=env)


def codes(found) -> set[str]:  # type: ignore[no-untyped-def]
    return {doubt["code"] for doubt in found["doubts"]}


def test_milc_smoke(tmp_path: Path) -> None:
    """The real thing: one JSON document with verified work, its cost, and energy per solve.

    Compiling the kernels would take ten times as long; tests of the operator compile them.
    """
    arguments = ("--device", "cpu", "--size", "smoke", "--repeats", "2", "--json")
    settings = {"kernels": "eager", "lattice": "4x4x4x8", "mass": "0.5", "threads": "1"}
    less = [part for name in settings for part in ("--set", f"{name}={settings[name]}")]
    result = energybench("run", "milc", *QUICK, *arguments, *less, cwd=tmp_path, timeout=800).json
    assert result["kind"] == "measurement"
    assert result["workload"]["name"] == "milc"
    assert result["work"]["unit"].startswith("solve to residual")
    assert result["work"]["flops"] > 0
    assert all(check["passed"] for check in result["verification"])
    assert result["energy_per_work_j"]["value"] > 0
    assert {"setup", "warm-up"} <= {region["label"] for region in result["regions"]}
    assert len(result["repeats"]) == 2


def test_a_workloads_own_record_travels_into_the_run_and_every_report(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """Statement, figures, curves and doubts of the last repeat stand in the result and are shown by
    each format.
    """
    result = run(tmp_path, env, "--repeats", "2").json
    assert result["record"]["statement"] == {"unit": "nap"}
    assert result["record"]["figures"]["naps"] >= 2
    assert result["record"]["series"][0]["y"][1] == result["record"]["figures"]["naps"]
    (note,) = [doubt for doubt in result["doubts"] if doubt["code"] == "workload-note"]
    assert note["message"] == "[light-sleep] it was a light sleep"  # no code of the catalogue
    for form in ("terminal", "markdown"):
        text = in_process("report", "results", "--format", form, cwd=tmp_path).out
        assert "Statement of sleep" in text
        assert "a bed" in text


def test_a_plugin_comes_in_by_the_same_door(tmp_path: Path, env: dict[str, str]) -> None:
    """A third party's workload runs like ours; its chatter goes to stderr; regions are its own and
    inside the repeats.
    """
    ran = run(tmp_path, env, "--repeats", "3", "--set", "seconds=0.3")
    result = ran.json
    assert ran.code == 0
    assert "chatter" in ran.err
    assert result["workload"]["settings"]["seconds"] == "0.3"
    regions = {region["label"]: region for region in result["regions"]}
    assert not regions["compile"]["in_repeat"]
    assert regions["transfer"]["in_repeat"]
    lengths = [repeat["end_s"] - repeat["start_s"] for repeat in result["repeats"]]
    assert 0.01 <= regions["transfer"]["time_s"] <= max(lengths) - 0.3
    assert 0.31 <= min(lengths) <= result["time_s"]["value"] <= max(lengths)
    assert result["idle_power_w"]["value"] > 0


def test_at_least_eight_repeats_unless_fixed(tmp_path: Path, env: dict[str, str]) -> None:
    """A steady workload stops at 8; one that scatters goes on to the limit and says that it missed
    the target.
    """
    assert len(run(tmp_path, env, "--target-rel", "0.9").json["repeats"]) == 8
    wild = run(
        tmp_path, env, "--set", "spread=1", "--target-rel", "0.001", "--max-repeats", "10"
    ).json
    assert len(wild["repeats"]) == 10
    assert "target-missed" in codes(wild)


def test_short_work_is_done_several_times_over(tmp_path: Path, env: dict[str, str]) -> None:
    """A repeat of 0.1 s work lasts --min-window, and its amount says how often it was done."""
    result = run(tmp_path, env, *HALF_SECOND, "--repeats", "2").json
    assert result["work"]["amount"] >= 4
    assert result["energy_per_work_j"]["value"] == pytest.approx(
        result["energy_j"]["value"] / result["work"]["amount"]
    )


def test_a_slow_warm_up_does_not_make_short_repeats(tmp_path: Path, env: dict[str, str]) -> None:
    """The one run of the warm-up takes ten times as long as the others: the first repeat shows it,
    counts as warm-up, and all repeats last --min-window.
    """
    result = run(tmp_path, env, *HALF_SECOND, "--repeats", "3", "--set", "slow=1").json
    assert [repeat["work"]["amount"] for repeat in result["repeats"]] == [
        result["work"]["amount"]
    ] * 3
    assert all(repeat["end_s"] - repeat["start_s"] >= 0.5 for repeat in result["repeats"])
    assert "min-window-missed" not in codes(result)
    assert {region["label"]: region["count"] for region in result["regions"]}["warm-up"] >= 2


def test_repeats_that_turn_out_too_short_are_said(tmp_path: Path, env: dict[str, str]) -> None:
    """Only after the first repeat the work becomes faster: the doubt names the shortest, what was
    asked for, and what to ask for.
    """
    result = run(tmp_path, env, *HALF_SECOND, "--repeats", "3", "--set", "slow=2").json
    (doubt,) = [doubt for doubt in result["doubts"] if doubt["code"] == "min-window-missed"]
    shortest_s = min(repeat["end_s"] - repeat["start_s"] for repeat in result["repeats"])
    assert f"the shortest of 3 repeats lasted {shortest_s:.3g} s" in doubt["message"]
    assert "the 0.5 s of --min-window" in doubt["message"]
    asked_s = float(doubt["remedy"].split()[1].rstrip(","))
    assert 1 <= asked_s / (0.5**2 / shortest_s) < 1.1


def test_a_failed_check_ends_with_one(tmp_path: Path, env: dict[str, str]) -> None:
    """All repeats are measured and kept, the check is shown as failed (null: not a number), exit
    code 1, and comparing is refused.
    """
    ran = run(tmp_path, env, "--repeats", "3", "--set", "seconds=1.2", "--set", "wrong_at=3")
    assert ran.code == 1
    assert len(ran.json["repeats"]) == 3
    assert ran.json["verification"] == [
        {"quantity": "nap", "value": None, "tolerance": 1.0, "passed": False}
    ]
    assert "verification-failed" in codes(ran.json)
    name = ran.json["id"]
    text = in_process("report", name, "--format", "terminal", cwd=tmp_path).out
    assert "the check of nap failed" in text
    assert "J per nap" not in text
    assert "failed its check" in one_line(in_process("compare", name, name, cwd=tmp_path))


@pytest.mark.parametrize("setting", ["seconds=0.1", "nosuch=1", "fail_at=1"])
def test_a_workload_is_closed_once_whatever_came_of_it(
    tmp_path: Path, env: dict[str, str], setting: str
) -> None:
    """What it has started elsewhere (another node's processes) is told that the run is over."""
    run(tmp_path, env, "--repeats", "1", "--set", setting, "--set", f"closed={tmp_path / 'closed'}")
    assert (tmp_path / "closed").read_text() == "x"


def test_a_workload_that_fails_later_keeps_its_repeats(tmp_path: Path, env: dict[str, str]) -> None:
    """Repeats before the failure stand; the doubt says where it failed; exit code 1."""
    ran = run(tmp_path, env, "--repeats", "6", "--set", "seconds=1.2", "--set", "fail_at=4")
    assert ran.code == 1, ran.err
    assert len(ran.json["repeats"]) == 2
    assert "work-failed" in codes(ran.json)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("setting", "says"),
    [("fail_at=1", "RuntimeError: it broke in two lines"), ("die_at=1", "signal 9")],
)
def test_a_workload_that_fails_at_once_is_one_line(
    tmp_path: Path, env: dict[str, str], setting: str, says: str
) -> None:
    """Exit code 1, one line that says what failed, no run directory."""
    ran = run(tmp_path, env, "--set", setting)
    assert (ran.code, ran.out) == (1, "")
    lines = [line for line in ran.err.splitlines() if line.startswith("energybench: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert not list((tmp_path / "results").iterdir())


def test_idle_before_and_after(tmp_path: Path, env: dict[str, str]) -> None:
    """Two phases of --idle seconds, one before the first repeat and one after the worker's end,
    each with its state and power; net uses their mean.
    """
    result = run(tmp_path, env, "--repeats", "2").json
    before, after = result["idles"]
    assert before["state"] == "before the work, no context held, sensors polled"
    assert after["state"] == "after the work, no context held, sensors polled"
    assert before["end_s"] <= result["repeats"][0]["start_s"]
    assert after["start_s"] >= result["repeats"][-1]["end_s"]
    assert before["end_s"] - before["start_s"] >= 0.19
    mean = (before["power_w"]["value"] + after["power_w"]["value"]) / 2
    assert result["idle_power_w"]["value"] == pytest.approx(mean)
    program = measure(tmp_path, env, "--idle", "0.2", "--", "sleep", "0.3").json
    assert len(program["idles"]) == 2


def test_a_failed_run_has_both_idle_phases_and_an_interrupted_one_the_first(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """After a failure the node is measured once more; after Ctrl-C nobody wants to wait."""
    failed = run(tmp_path, env, "--repeats", "6", "--set", "seconds=1.2", "--set", "fail_at=4").json
    assert len(failed["idles"]) == 2
    ran = start(tmp_path, env)
    wait_for(tmp_path, '"verification":[{')
    ran.send_signal(signal.SIGINT)
    out, err = ran.communicate(timeout=800)
    assert ran.returncode == 130, err
    assert [idle["state"].split(",")[0] for idle in json.loads(out)["idles"]] == ["before the work"]


def test_interrupted_between_repeats(tmp_path: Path, env: dict[str, str]) -> None:
    """SIGINT: the complete repeats make the result, the code is 130, the worker is gone."""
    ran = start(tmp_path, env, "--idle", "0")
    wait_for(tmp_path, '"verification":[{')
    ran.send_signal(signal.SIGINT)
    out, err = ran.communicate(timeout=800)
    assert ran.returncode == 130, err
    result = json.loads(out)
    assert "interrupted" in codes(result)
    assert 1 <= len(result["repeats"]) < 20


def test_broken_plugins_are_named_and_cost_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    """One that does not load is one line where it is asked for, a row in the list, and a doubt
    where it was only there.
    """
    assert "libnothing.so" in one_line(energybench("run", "explodes", cwd=tmp_path, env=env))
    listed = energybench("list", "workloads", "--json", cwd=tmp_path, env=env).json["entries"]
    assert {entry["name"]: entry["works"] for entry in listed}["explodes"] is False
    result = measure(tmp_path, env, "--", "true").json
    assert "broken-plugin" in codes(result)
    doctor = energybench("doctor", cwd=tmp_path, env=env)
    assert "no meter here" in doctor.out
    assert "buy one" in doctor.out
    assert "lacking" in doctor.out


def test_a_killed_measuring_side_ends_its_worker(tmp_path: Path, env: dict[str, str]) -> None:
    """A workload does not outlive the side that measures it."""
    import psutil

    ran = subprocess.Popen(
        command("run", "pause", "--idle", "0", "--repeats", "20", "--set", "seconds=0.3"),
        cwd=tmp_path,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    children = until(lambda: psutil.Process(ran.pid).children())
    ran.kill()
    ran.wait()
    _, alive = psutil.wait_procs(children, timeout=800)
    assert not alive


@pytest.mark.parametrize("written", ['"schema"', '"idle"', '"warm-up"', '"verification":[{'])
def test_ctrl_c_reaches_the_whole_group_and_ends_the_run(
    tmp_path: Path, env: dict[str, str], written: str
) -> None:
    """A Ctrl-C at a terminal goes to every process of the group: code 130, no traceback, and the
    workload is not blamed: in the first idle phase, while the worker starts, and in a repeat.
    """
    ran = start(tmp_path, env, "--idle", "1")
    wait_for(tmp_path, written)
    os.killpg(ran.pid, signal.SIGINT)
    out, err = ran.communicate(timeout=800)
    assert ran.returncode == 130, err
    assert "Traceback" not in err
    assert "work-failed" not in out


def test_a_node_meter_that_reads_nothing_is_not_zero(tmp_path: Path, env: dict[str, str]) -> None:
    """Failed, negative and impossible readings are no energy at all: null, never 0 J, and nothing
    to compare.
    """
    meter = tmp_path / "watts"
    for text in ("nan", "-5", "1e30", ""):
        meter.write_text(text)
        with_meter = {**env, "METER": str(meter)}
        ran = measure(tmp_path, with_meter, "--boundary", "node-dc", "--", "sleep", "1")
        assert ran.code == 0, ran.err
        assert ran.json["energy_j"] is None
        assert ran.json["quality"] is None
        assert "not-measured" in codes(ran.json)
        name = ran.json["id"]
        assert "no energy" in one_line(in_process("compare", name, name, cwd=tmp_path))


def test_a_node_meter_that_works_is_used_and_pointed_to(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """At node-dc it is the energy, without a word of a CPU model; at compute a doubt says that it
    is there.
    """
    meter = tmp_path / "watts"
    meter.write_text("250")
    with_meter = {**env, "METER": str(meter)}
    node = measure(tmp_path, with_meter, "--boundary", "node-dc", "--", "sleep", "2").json
    assert node["energy_j"]["value"] == pytest.approx(250 * node["time_s"]["value"], rel=0.01)
    assert node["quality"] == "measured"
    assert "estimated-cpu" not in codes(node)
    compute = measure(tmp_path, with_meter, "--", "sleep", "1").json
    assert "node-meter-unused" in codes(compute)
    refused = one_line(
        energybench("measure", "--boundary", "node-ac", "--", "true", cwd=tmp_path, env=with_meter)
    )
    assert "--boundary node-dc" in refused
