"""The result of a window that is open for hours: as exact as that of the finished run, from a
bounded number of readings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.beside.open_window import OpenWindow, Part, Parts
from energybench.measuring.run_files import RunFiles
from energybench.measuring.session import ranges
from energybench.store import samples
from energybench.store.run import Header
from energybench.store.writer import RunWriter
from tests.measuring.virtual import VirtualSession, board

HOURS = 1
# between 100 and 200 W, with steps at no round time
STEPS = [(137.0 * i, 100.0 + (i * 37 % 11) * 10) for i in range(HOURS * 3600 // 137 + 1)]


class Headed(VirtualSession):
    """A session that shows its header."""

    header: Header

    def run_files(self, header: Header) -> RunFiles:
        self.header = header
        # the virtual clock is faster than any storage
        return RunFiles(RunWriter(self.plan.store, header), in_thread=False)


def readings(part: Part) -> int:
    return sum(int(trace.t_s.size) for trace in part.traces)


@pytest.mark.parametrize(
    "sensor",
    [
        {"period_s": 0.1},
        {"period_s": 0.1, "resolution": 1.0, "wrap": 5_000},
        {"kind": "power", "period_s": 0.1},
        {"kind": "power", "period_s": 0.1, "window_s": 0.025},
    ],
    ids=["counter", "counter that wraps", "power", "part-time power"],
)
def test_hours_are_summed_from_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sensor: dict[str, Any]
) -> None:
    """The energy so far is that of the finished run; no call analyses more readings after an
    hour than after twenty minutes, and none reads the file of samples.
    """
    reads: list[Path] = []
    read = samples.read_stream
    monkeypatch.setattr(samples, "read_stream", lambda path: (reads.append(path), read(path))[1])
    parts, counts, so_far = Parts(ranges()), [], None
    with Headed(tmp_path, [board(STEPS, **sensor)]) as session:
        open_window = OpenWindow(session.header, session.recent.samples)
        with session.windows.repeat(0) as window:
            start_s = session.clock.now()
            open_window.begin(start_s)
            for _ in range(HOURS * 60):
                session.work(60.0)
                part = open_window.next_part(session.clock.now())
                if part is not None:
                    parts.add(part)
                last = open_window.last_part()
                assert last is not None
                counts.append(readings(last))
            so_far = parts.with_last(last)
            end_s = session.clock.now()
            window.end(end_s)
        assert not reads
        measurement = session.finish()[1]
    assert not parts.lost
    assert max(counts) == max(counts[:20])
    assert so_far.partial
    (repeat,) = so_far.repeats
    assert (repeat.start_s, repeat.end_s) == pytest.approx((start_s, end_s), abs=0.2)
    assert so_far.energy_j is not None
    assert measurement.energy_j is not None
    assert so_far.energy_j.value == pytest.approx(measurement.energy_j.value, rel=1e-4)
    assert so_far.energy_j.low < measurement.energy_j.value < so_far.energy_j.high
    # the widest of the edges counts, which is no more than an edge of a busy part
    width_j = so_far.energy_j.high - so_far.energy_j.low
    whole_width_j = measurement.energy_j.high - measurement.energy_j.low
    assert width_j < 1.5 * whole_width_j + 1e-4 * measurement.energy_j.value
    assert so_far.power_w is not None
    assert so_far.power_w.value == pytest.approx(so_far.energy_j.value / so_far.time_s.value)
