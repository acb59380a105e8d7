"""Runs that a signal or a kill ends early: what is kept of them, and what `recover` completes."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import msgspec
import pytest

from energybench.cli import summary
from energybench.model import Measurement
from tests.cli.process import batches, energybench, in_process, one_line, partial, until
from tests.cli.started_runs import runs, start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_an_honest_partial_result(tmp_path: Path, number: signal.Signals) -> None:
    """SIGINT and SIGTERM reach the program; the result stands, says that it was interrupted, and
    the code is 128 + N.
    """
    start_s = time.monotonic()
    program = "touch begun; exec sleep 600"
    ran = start(tmp_path, "measure", "--json", "--repeats", "5", "--", "sh", "-c", program)
    until((tmp_path / "begun").exists)
    began_s = time.monotonic()
    time.sleep(0.5)
    signalled_s = time.monotonic()
    ran.send_signal(number)
    out, err = ran.communicate(timeout=800)
    ended_s = time.monotonic()
    assert ran.returncode == 128 + number, err
    result = json.loads(out)
    assert "interrupted" in {doubt["code"] for doubt in result["doubts"]}
    assert len(result["repeats"]) == 1
    assert "energy of a part of a repeat" in summary.measurement(
        msgspec.convert(result, Measurement)
    )
    assert signalled_s - began_s <= result["time_s"]["high"]
    assert result["time_s"]["low"] <= ended_s - start_s
    assert not result["verification"][0]["passed"]
    assert not partial(tmp_path)


def test_a_program_that_handles_the_signal_ends_as_it_likes(tmp_path: Path) -> None:
    """The signal is passed on, not forced: a program that cleans up and exits 7 exits 7."""
    ran = start(
        tmp_path,
        "measure",
        "--json",
        "--",
        "sh",
        "-c",
        "trap 'exit 7' TERM; touch ready; while :; do sleep 0.05; done",
    )
    until(lambda: (tmp_path / "ready").exists())
    ran.send_signal(signal.SIGTERM)
    out, _ = ran.communicate(timeout=800)
    assert ran.returncode == 7
    assert json.loads(out)["verification"][0]["value"] == 7


def test_kill_nine_leaves_the_program_running_and_recover_completes(tmp_path: Path) -> None:
    """After kill -9 of the measuring side the program goes on unmeasured, and recover makes a
    result of what was written.
    """
    start_s = time.monotonic()
    script = "while [ ! -e go ]; do sleep 0.05; done; touch finished"
    ran = start(tmp_path, "measure", "--", "sh", "-c", script)
    (left,) = until(lambda: partial(tmp_path, '"repeat"'))
    began_s = time.monotonic()
    batches(left, 1)
    written_s = time.monotonic()
    batches(left, 1)
    ran.kill()
    ran.wait()
    killed_s = time.monotonic()
    assert not (tmp_path / "finished").exists()
    refused = energybench("recover", str(left), "--json", cwd=tmp_path)
    assert refused.code == 0
    result = refused.json
    assert "recovered" in {doubt["code"] for doubt in result["doubts"]}
    # the batch before the last holds the samples of a second until shortly before it was written
    assert written_s - began_s - 1.1 < result["time_s"]["value"] < killed_s - start_s
    assert result["energy_j"]["value"] > 0
    assert len(runs(tmp_path / "results")) == 1
    (tmp_path / "go").touch()
    until(lambda: (tmp_path / "finished").exists())
    again = energybench("recover", str(tmp_path / "results" / result["id"]), cwd=tmp_path)
    assert again.code == 2
    assert "nothing to recover" in again.err


def test_repeats_that_were_cut_are_in_no_mean_and_in_no_comparison(tmp_path: Path) -> None:
    """One run is killed in its third repeat or later, and recovered; the program of another handles
    SIGTERM in its first repeat and exits 0. The first keeps its whole repeats; the second may be a
    part, and is refused by compare. A program that kills itself in its only repeat is a part, too.
    """

    def repeats_begun(label: str) -> int:
        openings = [
            json.loads(line).get("opening") or {}
            for path in (tmp_path / "results").glob(f".partial-*_{label}_*/windows.jsonl")
            for line in path.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]
        return sum(opening.get("label") == "repeat" for opening in openings)

    handled = "trap 'exit 0' TERM; touch ready; while :; do sleep 0.05; done"
    nine = start(tmp_path, "measure", "--label", "nine", "--repeats", "99", "--", "sleep", "0.5")
    part = start(tmp_path, "measure", "--json", "--label", "part", "--", "sh", "-c", handled)
    until(lambda: (tmp_path / "ready").exists())
    part.send_signal(signal.SIGTERM)
    out, _ = part.communicate(timeout=800)
    until(lambda: repeats_begun("nine") >= 3)
    nine.kill()
    nine.wait()
    (left,) = partial(tmp_path)

    result = json.loads(out)
    assert result["partial"]
    codes = {doubt["code"] for doubt in result["doubts"]}
    assert codes & {"signal-handled", "cut-off"} == {"signal-handled"}
    recovered = energybench("recover", str(left), "--json", cwd=tmp_path).json
    assert not recovered["partial"]
    assert len(recovered["repeats"]) >= 2
    times_s = [repeat["end_s"] - repeat["start_s"] for repeat in recovered["repeats"]]
    assert min(times_s) >= 0.45  # a start and an end are known to some milliseconds
    for pair in ((result["id"], recovered["id"]), (recovered["id"], result["id"])):
        refused = one_line(in_process("compare", *pair, "--force", cwd=tmp_path))
        assert "not comparable: a signal came during the only repeat of part" in refused

    dies = energybench("measure", "--json", "--", "sh", "-c", "sleep 0.2; kill -9 $$", cwd=tmp_path)
    assert dies.code == 128 + signal.SIGKILL
    assert dies.json["partial"]


@pytest.mark.parametrize(
    ("script", "counted", "code"),
    [
        ("trap 'exit 0' USR1; touch ready-$$; sleep 1.5 & wait $!", 2, "cut-off"),
        (
            "trap : USR1; touch ready-$$; sleep 1.5 & P=$!; wait $P; wait $P",
            3,
            "signal-passed-on",
        ),
    ],
)
def test_a_signal_for_the_program_cuts_a_repeat_if_the_repeat_ends_early(
    tmp_path: Path, script: str, counted: int, code: str
) -> None:
    """SIGUSR1 in the second of three repeats: a program that ends at once leaves a part, which is
    in no mean; a program that goes on leaves a whole repeat, with a doubt.
    """
    argv = ("measure", "--json", "--repeats", "3", "--", "sh", "-c", script)
    ran = start(tmp_path, *argv)
    until(lambda: len(list(tmp_path.glob("ready-*"))) == 2)
    ran.send_signal(signal.SIGUSR1)
    out, _ = ran.communicate(timeout=800)
    result = json.loads(out)
    times_s = [repeat["end_s"] - repeat["start_s"] for repeat in result["repeats"]]
    assert ran.returncode == 0
    assert len(times_s) == counted
    assert min(times_s) >= 1.4
    assert not result["partial"]
    codes = [doubt["code"] for doubt in result["doubts"]]
    assert code in codes
    assert "SIGUSR1" in result["doubts"][codes.index(code)]["message"]


def test_recover_refuses_what_still_runs(tmp_path: Path) -> None:
    """A run that somebody is still measuring is not touched."""
    ran = start(tmp_path, "measure", "--", "sleep", "600")
    (left,) = until(lambda: partial(tmp_path))
    until(lambda: (left / "header.json").exists())
    refused = energybench("recover", str(left), cwd=tmp_path)
    assert refused.code == 2
    assert f"process {ran.pid}" in refused.err
    ran.send_signal(signal.SIGTERM)
    ran.wait(timeout=800)


@pytest.mark.parametrize("wait_s", [0.0, 0.02, 0.1])
def test_a_signal_just_before_the_program_starts_is_not_lost(tmp_path: Path, wait_s: float) -> None:
    """Taken before there was a program to pass it on to, it ends the run all the same; the
    program's ten minutes are not waited for.
    """
    ran = start(tmp_path, "measure", "--", "sleep", "600")
    (left,) = until(lambda: partial(tmp_path))
    until(lambda: (left / "header.json").exists())
    time.sleep(wait_s)
    ran.send_signal(signal.SIGTERM)
    assert ran.wait(timeout=800) == 128 + signal.SIGTERM
