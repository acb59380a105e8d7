"""Why a step of readers ended, in words: its signal or exit code, and srun's own reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from energybench.cluster.step_process import StepProcess

BINDING = (
    "srun: cluster configuration lacks support for cpu binding; all processes will have all "
    "available CPUs in the allocation"
)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo '{BINDING}' >&2; kill -KILL $$", "srun was ended by SIGKILL"),
        ("kill -TERM $$", "srun was ended by SIGTERM"),
        (
            f"echo 'srun: error: Unable to contact slurm controller' >&2; echo '{BINDING}' >&2; "
            "exit 1",
            "srun ended with exit code 1: srun: error: Unable to contact slurm controller",
        ),
        (
            "echo 'srun: job 7 queued and waiting for resources' >&2; "
            "echo 'slurmstepd: error: *** STEP 7.1 CANCELLED ***' >&2; exit 143",
            "srun ended with exit code 143: slurmstepd: error: *** STEP 7.1 CANCELLED ***",
        ),
        ("echo 'srun: interrupt (one more within 1 sec to abort)' >&2; exit 0", "srun: interrupt"),
        (f"echo '{BINDING}' >&2; exit 0", "its step has ended"),
    ],
)
def test_the_ending_stands_before_the_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str
) -> None:
    srun = tmp_path / "srun"
    srun.write_text(f"#!/bin/sh\n{script}\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    step = StepProcess(("gpu1", "gpu2"))
    until_s = time.monotonic() + 10
    while not step.lost and time.monotonic() < until_s:
        step.read()
        time.sleep(0.01)
    assert step.lost.startswith(words)
    assert "cpu binding" not in step.lost
    assert step.close(0.0)
