"""Traces of a file of samples, one at a time in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energybench.model import Channel, Trace
from energybench.plugins import Reading
from energybench.store import samples
from energybench.store.sample_log import SampleLog
from energybench.store.traces import StoredTraces
from tests.analysis.truth import channel

CHANNELS: tuple[Channel, ...] = (
    channel(device="a"),
    channel(device="b", stamped=True),
    channel(device="c"),
    channel(device="never read"),
)


def written(path: Path, polls: int) -> list[list[Reading]]:
    """A file in which a sensor fails at times, one states times that go back, and one is read at
    every third poll only; and the readings of each channel.
    """
    random = np.random.Generator(np.random.Philox(3))
    readings: list[list[Reading]] = [[] for _ in CHANNELS]
    log = SampleLog(path)
    for i in range(polls):
        t_s = 0.083 * i
        poll = [
            Reading(None if random.random() < 0.1 else i * 7, t_s, 0),
            Reading(i * 11, t_s + random.normal(0, 0.2), 1),
        ]
        if i % 3 == 0:
            poll.append(Reading(-i, t_s, 2))
        log.append(poll, 0.0, False, 0)
        for reading in poll:
            readings[reading.channel].append(reading)
    log.close()
    return readings


def columns(trace: Trace) -> tuple[list[float], list[int | None]]:
    raw = [count if ok else None for count, ok in zip(trace.raw.tolist(), trace.ok, strict=True)]
    return trace.t_s.tolist(), raw


@pytest.mark.parametrize("most_in_memory", [0, 10**9], ids=["file", "memory"])
def test_every_reading_is_in_the_trace_of_its_channel(tmp_path: Path, most_in_memory: int) -> None:
    """In the order of time, with the failed reads, whether in memory or in a file; and the folder
    of the samples holds no other file.
    """
    readings = written(tmp_path / "samples.arrows", 5000)
    table = samples.read_stream(tmp_path / "samples.arrows")
    traces = StoredTraces(table, CHANNELS, most_in_memory)
    for expected, trace in zip(readings, traces, strict=True):
        ordered = sorted(expected, key=lambda reading: reading.t_s)
        assert columns(trace) == (
            [reading.t_s for reading in ordered],
            [reading.raw for reading in ordered],
        )
    assert [trace.channel for trace in traces[1:]] == list(CHANNELS[1:])
    assert columns(traces[-2]) == columns(traces[2])
    part, whole = columns(traces.in_order(1, 100, 200)), columns(traces[1])
    assert part == (whole[0][100:200], whole[1][100:200])
    assert [path.name for path in tmp_path.iterdir()] == ["samples.arrows"]
    with pytest.raises(IndexError):
        traces[len(CHANNELS)]


def test_traces_outlive_their_file(tmp_path: Path) -> None:
    """The samples are read once: the file may be gone afterwards."""
    readings = written(tmp_path / "samples.arrows", 200)
    traces = StoredTraces(samples.read_stream(tmp_path / "samples.arrows"), CHANNELS, 0)
    (tmp_path / "samples.arrows").unlink()
    assert traces[0].t_s.tolist() == [reading.t_s for reading in readings[0]]
