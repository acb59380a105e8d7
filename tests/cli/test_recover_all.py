"""`energybench recover STORE` completes every unfinished run of a store."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from energybench.store.layout import runs
from tests.cli.process import batches, command, energybench, partial, until


def start(cwd: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def killed(folder: Path, label: str) -> None:
    """A run whose measuring side was killed in its only repeat."""
    script = "while [ ! -e go ]; do sleep 0.05; done"
    ran = start(folder, "measure", "--label", label, "--", "sh", "-c", script)
    (left,) = until(
        lambda: [path for path in partial(folder, '"repeat"') if f"_{label}_" in path.name]
    )
    batches(left, 1)
    ran.kill()
    ran.wait()


def test_all_unfinished_runs_of_a_store(tmp_path: Path) -> None:
    """Each is completed; with --json the document is a list. The store is then whole."""
    for label in ("one", "two"):
        killed(tmp_path, label)
    (tmp_path / "go").touch()
    done = energybench("recover", "results", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [result["label"] for result in json.loads(done.out)] == ["one", "two"]
    assert len(runs(tmp_path / "results")) == 2
    assert not partial(tmp_path)
    again = energybench("recover", "results", cwd=tmp_path)
    assert again.code == 0
    assert "nothing to recover" in again.err


def test_a_run_that_cannot_be_completed_stops_no_other(tmp_path: Path) -> None:
    """One is still measured: it is named, the other is completed, and the exit code is 2."""
    running = start(tmp_path, "measure", "--label", "still", "--", "sleep", "600")
    until(lambda: partial(tmp_path, '"repeat"'))
    killed(tmp_path, "over")
    (tmp_path / "go").touch()
    done = energybench("recover", "results", cwd=tmp_path)
    assert done.code == 2
    assert f"process {running.pid}" in done.err
    assert "over: energy" in done.out
    assert [path.name.split("_")[1] for path in runs(tmp_path / "results")] == ["over"]
    running.terminate()
    running.wait(timeout=800)
