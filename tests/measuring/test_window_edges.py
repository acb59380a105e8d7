"""The fast polls at a window's edges, on a virtual clock: counters may update more slowly than
their documentation states.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from energybench.measuring.sensors import Sensors
from energybench.plugins import Context
from energybench.store.reader import read_traces
from tests.measuring.virtual import VirtualSession, board

_SECONDS = 5.0
_STATED_S = 0.1


class StatedSession(VirtualSession):
    """All channels are stated to update every 100 ms, as a table of priors would."""

    def open_sensors(self, context: Context) -> Sensors:
        sensors = super().open_sensors(context)
        (opened,) = sensors.opened
        channels = tuple(
            msgspec.structs.replace(channel, update_period_s=_STATED_S, timing="prior")
            for channel in opened.channels
        )
        return sensors._replace(opened=(opened._replace(channels=channels),))

    def sampled_repeat(self, seconds: float) -> None:
        """A repeat with fast polls over its opening edge, as of a program."""
        with self.windows.repeat(0) as window:
            end_s = self.clock.now() + seconds
            window.sample(lambda: self.clock.now() >= end_s)
            window.end(self.clock.now())


@pytest.mark.parametrize("period_s", [0.083, 0.1, 0.17, 0.25])
def test_ticks_at_both_edges_are_located_at_any_period(tmp_path: Path, period_s: float) -> None:
    """Constant 300 W for 5 s: the energy is right to 0.2 % at every phase of the counter, because
    both edges have two updates between fast polls.
    """
    for place in range(7):
        channel = board([(0.0, 300.0)], period_s=period_s, phase_s=period_s * (place + 0.5) / 7)
        with StatedSession(tmp_path / str(place), [channel]) as session:
            session.work(1.0)
            session.sampled_repeat(_SECONDS)
            directory, result = session.finish()
        traces, windows = read_traces(directory)
        (window,) = [window for window in windows if window.label == "repeat"]
        true_j = 300.0 * (window.end_s - window.start_s)
        assert result.repeats[0].energy_j == pytest.approx(true_j, rel=2e-3)
        t_s, raw = traces[0].t_s, traces[0].raw
        changed = np.flatnonzero(np.diff(raw)) + 1
        sharp_s = t_s[changed][np.diff(t_s)[changed - 1] < 0.01]
        assert np.count_nonzero(sharp_s <= window.start_s) >= 2
        assert np.count_nonzero(sharp_s >= window.end_s) >= 2


def test_a_counter_that_stands_still_delays_an_edge_by_four_bursts_at_most(tmp_path: Path) -> None:
    """0 W: no update will ever locate a tick, and the run goes on."""
    with StatedSession(tmp_path, [board([(0.0, 0.0)])]) as session:
        begin_s = session.clock.now()
        session.repeat(0, 1.0)
        spent_s = session.clock.now() - begin_s - 1.0
        edge_s = session.sampler.edge_s
        session.writer.discard()
    assert spent_s == pytest.approx(2 * 4 * edge_s, abs=0.1)
