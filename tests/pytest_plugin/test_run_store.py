"""The folder for the runs of a session is temporary, or the user's, and nothing else is written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from energybench.pytest_plugin.run_store import RunStore
from energybench.store.layout import runs
from tests.pytest_plugin.runs import Pytest

ENDS = """
    import os
    import time

    def test_one(energy_benchmark):
        energy_benchmark(time.sleep, 0.002)

    def test_ends(energy_benchmark):
        energy_benchmark(time.sleep, 0.002)
        if "{end}" == "kill":
            os.kill(os.getpid(), 9)
        elif "{end}" == "exit":
            os._exit(9)

    def test_closes(energy_benchmark):
        for number in os.listdir("/proc/self/fd"):
            path = "/proc/self/fd/" + number
            if os.path.lexists(path) and os.readlink(path).startswith("socket:"):
                os.close(int(number))
        energy_benchmark(time.sleep, 0.002)
"""


def folders(sessions: Pytest) -> list[Path]:
    """Temporary folders of sessions."""
    return list(sessions.folder.parent.glob("energybench-pytest-*"))


@pytest.mark.parametrize("end", ["kill", "exit", "none"])
@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_nothing_is_left(alone: Pytest, end: str, options: tuple[str, ...]) -> None:
    """A session, or a worker of xdist, that ends in the middle of a test leaves no folder; neither
    does one whose tests close the connection to the sampling process.
    """
    alone.write(ENDS.format(end=end))
    session = alone.measure(*options)
    assert ("3 passed" in session.out) is (end == "none"), session.out
    while folders(alone):  # until the sampling process has ended, too
        time.sleep(0.02)


def test_a_relative_folder_is_that_of_the_session(alone: Pytest) -> None:
    """A test that changes the working directory changes neither the folder of the kept runs nor
    the history.
    """
    alone.write(
        """
        import time

        def test_moves(energy_benchmark, tmp_path):
            import os
            os.chdir(tmp_path)
            energy_benchmark(time.sleep, 0.002)
        """
    )
    session = alone.measure("--benchmark-energy-store=kept", "--benchmark-energy-save")
    assert session.code == 0, session.out
    assert len(runs(alone.folder / "kept")) == 1
    assert len(list((alone.folder / ".energybench" / "history").iterdir())) == 1
    assert not folders(alone)


def test_a_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is removed that the session has not made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not there"))
    store = RunStore(None)
    assert not Path(store.folder).exists()
    assert not store.temporary
    kept = RunStore(str(tmp_path))
    (tmp_path / "run").mkdir()
    kept.clear()
    kept.remove()
    assert (kept.folder, kept.keeps, kept.temporary) == (str(tmp_path), True, False)
    assert (tmp_path / "run").exists()
