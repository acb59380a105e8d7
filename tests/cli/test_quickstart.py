"""`energybench quickstart` on whatever this machine has: runs, comparisons, projection, report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.cli.quickstart import VARIANTS, _trials, both_devices
from tests.cli.process import command, partial, until

# The quickstart after its command line, with problems of the smallest sizes in place of its own;
# compiling the kernels of milc would take most of the time.
SMALLEST = """
from energybench.cli.quickstart import STORE, VARIANTS, Shape, everything

MILC = {"kernels": "eager", "lattice": "4x4x4x8", "mass": "0.5", "threads": "1"}
LESS = {"milc": MILC, "sdpa": {}}


def smallest(trial):
    return trial._replace(size="smoke", settings={**trial.settings, **LESS[trial.workload]})


pairs = [tuple(map(smallest, pair)) for pair in VARIANTS]
shape = Shape(repeats=2, min_window_s=0.0, max_warm_up_s=1.0)
raise SystemExit(everything(pairs, STORE, shape, json=True))
"""


def test_quickstart_ends_with_the_report(tmp_path: Path) -> None:
    """Four verified runs, two comparisons, a projection, and one html file."""
    ran = subprocess.run(
        [sys.executable, "-c", SMALLEST],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert ran.returncode == 0, ran.stderr
    kinds = [result["kind"] for result in json.loads(ran.stdout)["results"]]
    assert kinds == ["comparison", "comparison", "projection", *["measurement"] * 4]
    page = (tmp_path / "results" / "quickstart" / "report.html").read_bytes()
    assert b"<html" in page[:500]
    assert (
        len(
            [
                path
                for path in (tmp_path / "results" / "quickstart").iterdir()
                if (path / "run.json").is_file()
            ]
        )
        == 4
    )


def test_an_accelerator_that_torch_cannot_use_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A board that is measured but not usable falls back to two variants on the CPU, and leaves
    nothing behind.
    """
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch can use an accelerator here")
    assert _trials(VARIANTS, True, tmp_path) == list(VARIANTS)
    assert "measured but not used" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_two_devices_run_the_same_work() -> None:
    """On two devices the sides of a pair differ in the device alone."""
    for (cpu, gpu), (_, chosen) in zip(both_devices(VARIANTS), VARIANTS, strict=True):
        assert (cpu.device, gpu.device) == ("cpu", "cuda")
        assert cpu.settings == gpu.settings == chosen.settings


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    """SIGINT to the whole group: 130, and no further run is started."""
    ran = subprocess.Popen(
        command("quickstart"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: partial(tmp_path, '"repeat"'))
    os.killpg(ran.pid, signal.SIGINT)
    _, err = ran.communicate(timeout=800)
    assert ran.returncode == 130, err
    assert "Traceback" not in err
    assert not (tmp_path / "results" / "quickstart" / "report.html").exists()
