"""Energies of the repeats while the run goes on: from the readings in memory, the same as those of
the finished run, and a late repeat costs no more than an early one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.recent_samples import Recent
from energybench.plugins import Reading
from energybench.store import samples
from tests.measuring.virtual import VirtualSession, board

RIPPLE = [(0.05 * i, 300.0 + (i * 37 % 11) * 10) for i in range(1200)]


@pytest.mark.parametrize(
    "sensor",
    [{}, {"period_s": 0.1}, {"kind": "power", "period_s": 0.1, "window_s": 0.025}],
    ids=["20 ms counter", "100 ms counter", "part-time power"],
)
def test_energies_on_the_way_are_those_of_the_finished_run(
    tmp_path: Path, sensor: dict[str, Any]
) -> None:
    """The result is computed from the file, the energies on the way from memory: they agree."""
    with VirtualSession(tmp_path, [board(RIPPLE, **sensor)]) as session:
        session.work(2.0)
        for number in range(12):
            session.repeat(number, 0.7)
        energies_j = list(session.recent.repeats())
        measurement = session.finish()[1]
    assert energies_j == pytest.approx(
        [repeat.energy_j for repeat in measurement.repeats], rel=1e-9
    )


def test_times_stand_in_for_energies_that_are_not_known(tmp_path: Path) -> None:
    """A sensor that gives no reading leaves the times of the repeats to decide."""
    with VirtualSession(tmp_path, [board([(0.0, 100.0)], period_s=1e6)]) as session:
        for number in range(2):
            session.repeat(number, 0.5)
        durations_s = list(session.recent.repeats())
        session.writer.discard()
    assert durations_s == pytest.approx([0.5, 0.5])


def test_the_sample_file_is_not_read_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the result is computed from the file."""
    reads: list[Path] = []
    read = samples.read_stream
    monkeypatch.setattr(samples, "read_stream", lambda path: (reads.append(path), read(path))[1])
    with VirtualSession(tmp_path, [board(RIPPLE)]) as session:
        for number in range(10):
            session.repeat(number, 0.3)
            assert len(session.recent.repeats()) == number + 1
        assert not reads
        session.finish()
    assert len(reads) == 1


def test_old_readings_are_forgotten_unless_they_are_held(tmp_path: Path) -> None:
    """At least `keep_s` of readings are there, less than three times as much, and all since
    `hold_since_s`.
    """
    with VirtualSession(tmp_path, [board([(0.0, 1.0)])]) as session:
        channels = session.sensors.channels
        session.writer.discard()
    recent = Recent(channels, keep_s=10.0)
    for i in range(1000):
        recent.add([Reading(None if i == 990 else i, 0.1 * i)])
    (trace,) = recent.traces(0.0)
    assert 60.0 < trace.t_s[0] <= 89.9
    assert trace.t_s[-1] == pytest.approx(99.9)
    assert [bool(ok) for ok in trace.ok[-10:]].count(False) == 1
    assert recent.traces(95.0)[0].raw.tolist() == [
        *range(950, 990),
        0,
        *range(991, 1000),
    ]
    recent.hold_since_s = 99.0
    for i in range(1000, 2000):
        recent.add([Reading(i, 0.1 * i)])
    assert recent.traces(0.0)[0].t_s[0] <= 99.0
