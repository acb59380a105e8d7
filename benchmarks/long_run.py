"""CPU time and peak memory of `recover`, `report` and `measure --replay` on a run of a day.

    python benchmarks/long_run.py [--hours 24] [--repeats 4] [--keep FOLDER]

Writes the files of a run that was killed at the end: RAPL counters of two sockets, and counter and
power of four boards, at 10 Hz. Goal: each command stays under 300 MB at any length of a run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from child_cost import energybench

from energybench.model import IDLE, REPEAT, Channel, Gain, Gpu, Host, Window
from energybench.store.layout import HEADER, PARTIAL, SAMPLES, WINDOWS
from energybench.store.run import Header, Opening, RecordLine, encode, pretty
from energybench.store.samples import schema

GOAL_MB = 300.0
PERIOD_S = 0.1
IDLE_S = 120.0
BETWEEN_S = 30.0
REGION_S = 900.0
# Counts at which the counter of a package starts again (max_energy_range_uj of a Xeon)
WRAP = 262_143_328_850
POLLS = 864  # of each piece that is made at a time
ROWS_IN_BATCH = 120  # rows of a second, as a run writes them


def channels() -> tuple[Channel, ...]:
    """Two packages with their memory, and four boards with counter and power reading."""
    rapl = [
        Channel(
            collector="rapl",
            device=f"package-{socket}",
            component=component,
            kind="counter",
            quantity="energy",
            resolution=1e-6,
            gain=Gain(u_rel=0.03, key=f"rapl:{socket}:{component}"),
            update_period_s=0.001,
            wrap=WRAP,
            max_power_w=800.0,
            rank=10,
            socket=f"package-{socket}",
        )
        for socket in range(2)
        for component in ("cpu.package", "cpu.dram")
    ]
    boards = [
        Channel(
            collector="nvml",
            device=f"GPU-{board}",
            component="gpu.board",
            kind="counter" if quantity == "energy" else "power",
            quantity=quantity,
            resolution=1e-3,
            gain=Gain(u_rel=0.03, key=f"GPU-{board}"),
            update_period_s=0.1,
            window_s=0.025 if quantity == "power_usage" else 0.0,
            lag_u_s=0.05,
            power_limit_w=700.0,
            max_power_w=1400.0,
            rank=10,
        )
        for board in range(4)
        for quantity in ("energy", "power_usage")
    ]
    return (*rapl, *boards)


def windows(seconds: float, repeats: int) -> list[Window]:
    """An idle phase, the repeats, and regions of a quarter of an hour within them."""
    lines = [Window(label=IDLE, start_s=5.0, end_s=5.0 + IDLE_S, note="before the work")]
    start_s = 5.0 + IDLE_S + BETWEEN_S
    length_s = (seconds - start_s) / repeats - BETWEEN_S
    for number in range(repeats):
        end_s = start_s + length_s
        lines += [
            Window(label="epoch", start_s=begin_s, end_s=begin_s + REGION_S, repeat=number)
            for begin_s in np.arange(start_s, end_s - REGION_S, REGION_S).tolist()
        ]
        lines.append(Window(label=REPEAT, start_s=start_s, end_s=end_s, repeat=number))
        start_s = end_s + BETWEEN_S
    return lines


class Node:
    """Power and counters of the channels, piece by piece; a seed makes every run alike."""

    def __init__(self, stated: tuple[Channel, ...], spans: list[Window]) -> None:
        self._channels, self._spans = stated, [span for span in spans if span.label == REPEAT]
        self._random = np.random.Generator(np.random.Philox(1))
        self._joules = np.arange(1.0, len(stated) + 1) * 1e4  # of the counters at the first poll

    def piece(self, first: int, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Times and counts of some polls; shapes [count] and [count, channels]."""
        t_s = (first + np.arange(count)) * PERIOD_S
        busy = np.zeros(count, dtype=np.bool_)
        for span in self._spans:
            busy |= (t_s >= span.start_s) & (t_s < span.end_s)
        counts = np.empty((count, len(self._channels)), dtype=np.int64)
        for i, channel in enumerate(self._channels):
            size_w = 500.0 if channel.collector == "nvml" else 120.0
            slow = 1 + 0.1 * np.sin(2 * np.pi * t_s / (37.0 + i))
            watts = np.where(busy, size_w * slow, 0.15 * size_w)
            watts = watts * (1 + 0.01 * self._random.standard_normal(count))
            if channel.kind == "power":
                counts[:, i] = watts / channel.resolution
                continue
            joules = self._joules[i] + np.cumsum(watts) * PERIOD_S
            self._joules[i] = joules[-1]
            counts[:, i] = np.floor(joules / channel.resolution)
            if channel.wrap is not None:
                counts[:, i] %= channel.wrap
        return t_s + self._random.uniform(0, 2e-4, count), counts


def write_partial(
    store: Path,
    hours: float,
    repeats: int,
    node: Callable[[tuple[Channel, ...], list[Window]], Node] = Node,
) -> Path:
    """The files of a run that was killed at its end. `node`: power and counters of the channels."""
    stated = channels()
    host = Host(
        name="long-run",
        sockets=2,
        socket_ids=(0, 1),
        memory_bytes=512 * 10**9,
        gpus=tuple(Gpu(uuid=f"GPU-{i}", name="H200") for i in range(4)),
    )
    header = Header(
        id="2026-01-01T00-00-00Z_long-run_00000001",
        label="long run",
        workload=None,
        command=("true",),
        boundary="compute",
        host=host,
        channels=stated,
        pid=1,
        pid_started=0,
    )
    directory = store / (PARTIAL + header.id)
    directory.mkdir(parents=True)
    (directory / HEADER).write_text(pretty(header))
    polls = int(hours * 3600 / PERIOD_S)
    spans = windows(polls * PERIOD_S, repeats)
    with (directory / WINDOWS).open("wb") as file:
        for span in spans:
            opening = Opening(label=span.label, start_s=span.start_s, repeat=span.repeat)
            if span.label in (IDLE, REPEAT):
                file.write(encode(RecordLine(opening=opening)) + b"\n")
            file.write(encode(RecordLine(window=span)) + b"\n")
    _write_samples(directory / SAMPLES, node(stated, spans), polls, len(stated))
    for name in (HEADER, WINDOWS, SAMPLES):  # recover leaves fresh files of another host alone
        os.utime(directory / name, (0, 0))
    return directory


def _write_samples(path: Path, node: Node, polls: int, width: int) -> None:
    import pyarrow as pa

    with path.open("wb") as file, pa.ipc.new_stream(file, schema()) as writer:
        for first in range(0, polls, POLLS):
            count = min(POLLS, polls - first)
            t_s, counts = node.piece(first, count)
            rows = count * width
            columns = (
                np.repeat(t_s, width),
                np.tile(np.arange(width, dtype=np.int16), count),
                counts.ravel(),
                np.repeat((t_s % PERIOD_S).astype(np.float32), width),
                np.zeros(rows, dtype=np.bool_),
                np.zeros(rows, dtype=np.int32),
            )
            # 1 of 10,000 reads of every sensor fails
            failed = (np.arange(rows) + first) % 10_007 == 0
            arrays = [
                pa.array(values, mask=failed if place == 2 else None)
                for place, values in enumerate(columns)
            ]
            batch = pa.record_batch(arrays, schema=schema())
            for begin in range(0, rows, ROWS_IN_BATCH):
                writer.write_batch(batch.slice(begin, ROWS_IN_BATCH))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--keep", type=Path, help="an empty folder that keeps the runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = options.keep or Path(folder)
        partial = write_partial(store / "recorded", options.hours, options.repeats)
        run = str(partial.with_name(partial.name.removeprefix(PARTIAL)))
        replays = str(store / "replayed")
        costs = {
            "recover": energybench("recover", str(partial), "--json"),
            "report --format html": energybench("report", run, "--format", "html"),
            "measure --replay": energybench("measure", "--replay", run, "--out", replays),
        }
    for name, spent in costs.items():
        print(spent.row(name), "" if spent.peak_mb <= GOAL_MB else f"above {GOAL_MB:g} MB")


if __name__ == "__main__":
    main()
