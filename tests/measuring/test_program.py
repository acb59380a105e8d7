"""A measured program whose measuring side was stopped."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from energybench.measuring.program import Program
from energybench.measuring.signals import Signals


@pytest.mark.parametrize("seen_by", ["wait", "done"])
def test_an_end_during_a_stop_may_be_at_any_time_of_it(tmp_path: Path, seen_by: str) -> None:
    """Wherever the stop fell: the end is also seen first between two waits."""
    with Signals() as signals:
        script = "while [ ! -e go ]; do sleep 0.01; done"
        program = Program(["sh", "-c", f"cd {tmp_path}; {script}"], {}, signals)
        program.start()
        program.wait(0.0)
        running_s = time.monotonic()
        # This process does nothing from here on, as if it were stopped.
        (tmp_path / "go").touch()
        assert program.pid is not None
        while psutil.Process(program.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        signals.continued_s = time.monotonic()  # as a SIGCONT sets it
        if seen_by == "done":
            assert program.done()
        else:
            program.wait(1.0)
        pause = program.unseen_end()
        assert program.reap() == 0
    assert pause is not None
    assert pause.start_s <= running_s
    assert pause.end_s >= running_s
    assert program.ended().t_s == pytest.approx((pause.start_s + pause.end_s) / 2)
