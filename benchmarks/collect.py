"""Time and memory of merging the parts of a job of many nodes, and of comparing two such results.

    python benchmarks/collect.py [--nodes 100 1000] [--minutes 60] [--samples-to 1000]

A part is one node for an hour at 10 Hz with ten counters: two packages with DRAM and six boards, 8
repeats of 7 minutes; 360,000 rows. One part is measured from simulated readings; the others are
copies with a name, boards, keys of gains and a power of their own. Parts with their samples need
some megabytes each, in the folder for temporary files.

Goals, for 1,000 parts on two cores: from the nodes' results in less than 10 s, from the samples in
less than 60 s, with less than 1 GB of memory; a comparison of two results in less than 5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from child_cost import energybench

from energybench.measuring.session import ranges
from energybench.model import Channel, Gain, Gpu, Host, Job, Window
from energybench.plugins import Reading
from energybench.store.job_files import JobWriter
from energybench.store.job_header import JobHeader, new_job_id
from energybench.store.run import Header
from energybench.store.writer import RunWriter

RATE_HZ = 10.0
REPEATS = 8
FIRST = "n0000"  # the node that is measured; other names have the same length
JOB = Job(launcher="slurm", cluster="benchmark", id="1")
POWERS_W = {"cpu.package": 200.0, "cpu.dram": 20.0, "gpu.board": 350.0}


def channels(node: str) -> list[Channel]:
    """Two packages with DRAM, and six boards."""
    places = [
        ("rapl", f"package-{socket}", component, f"package-{socket}")
        for socket in range(2)
        for component in ("cpu.package", "cpu.dram")
    ]
    places += [("nvml", f"GPU-{node}-{board}", "gpu.board", "") for board in range(6)]
    return [
        Channel(
            collector=collector,
            device=device,
            component=component,
            kind="counter",
            resolution=1e-6 if collector == "rapl" else 1e-3,
            gain=Gain(u_rel=0.02, key=f"gain:{device}:{component}@{node}"),
            update_period_s=0.001 if collector == "rapl" else 0.1,
            quantity="energy",
            rank=10 if collector == "nvml" else 20,
            socket=socket,
        )
        for collector, device, component, socket in places
    ]


def host(node: str) -> Host:
    return Host(
        name=node,
        ids=(f"boot:{node}",),
        sockets=2,
        memory_bytes=2**39,
        gpus=tuple(
            Gpu(uuid=f"GPU-{node}-{board}", name="A100", power_limit_max_w=400.0)
            for board in range(6)
        ),
    )


def repeat_windows(seconds: float) -> list[Window]:
    """Eight repeats, with pauses between them."""
    each_s = seconds / REPEATS
    return [
        Window(
            label="repeat",
            start_s=i * each_s + 0.05 * each_s,
            end_s=(i + 1) * each_s - 0.05 * each_s,
            repeat=i,
        )
        for i in range(REPEATS)
    ]


def measured_part(folder: Path, seconds: float) -> Path:
    """The part of one node, from readings."""
    made = channels(FIRST)
    header = Header(
        id=f"node-{FIRST}",
        label="app",
        workload=None,
        command=("srun", "./app"),
        boundary="compute",
        host=host(FIRST),
        channels=tuple(made),
        pid=os.getpid(),
        pid_started=None,
        job=JOB,
    )
    times_s = np.arange(0.0, seconds, 1 / RATE_HZ)
    rng = np.random.default_rng(1)
    counts = [
        np.cumsum(rng.normal(POWERS_W[c.component], 5.0, times_s.size) / RATE_HZ / c.resolution)
        for c in made
    ]
    with RunWriter(folder, header) as writer:
        for i, t_s in enumerate(times_s.tolist()):
            readings = [Reading(int(values[i]), t_s, n) for n, values in enumerate(counts)]
            writer.poll(readings, 0.001, False, 0)
        for window in repeat_windows(seconds):
            writer.opening("repeat", window.start_s, window.repeat)
            writer.window(window)
        return writer.finish(ranges())[0]


def copy_part(part: Path, node: str, factor: float, *, samples: bool) -> None:
    """The part of another node; the result has another power, the samples have other names."""
    directory = part.with_name(f"node-{node}")
    directory.mkdir()
    run = json.loads((part / "run.json").read_text("utf-8").replace(FIRST, node))
    (directory / "run.json").write_text(json.dumps(scaled(run, factor), indent=1), "utf-8")
    if samples:
        # names of one length: the file keeps its offsets
        content = (part / "samples.parquet").read_bytes().replace(FIRST.encode(), node.encode())
        (directory / "samples.parquet").write_bytes(content)


def scaled(run: Any, factor: float) -> Any:
    """A result with all energies and powers times a factor."""
    for estimate in (run["energy_j"], run["power_w"], *run["components_j"].values()):
        for name in ("value", "low", "high"):
            estimate[name] *= factor
        for effect in estimate["effects"]:
            effect["u"] *= factor
    for repeat in run["repeats"]:
        repeat["energy_j"] *= factor
        for name in repeat["components_j"]:
            repeat["components_j"][name] *= factor
    return run


def write_job(store: Path, part: Path, nodes: int, *, samples: bool) -> Path:
    """A finished job of many nodes."""
    names = [f"n{number:04}" for number in range(nodes)]
    header = JobHeader(
        id=new_job_id(f"app {nodes}", JOB),
        label=f"app on {nodes} nodes",
        command=("srun", "./app"),
        boundary="compute",
        repeats=REPEATS,
        job=JOB,
        nodes=tuple(names),
        host=host(FIRST),
        pid=os.getpid(),
        pid_started=None,
        boot_id=None,
    )
    run = json.loads((part / "run.json").read_text("utf-8"))
    with JobWriter(store, header) as writer:
        copied = writer.directory / part.name
        shutil.copytree(part, copied)
        for number, name in enumerate(names[1:]):
            copy_part(copied, name, 1 + 0.1 * number / nodes, samples=samples)
        for number, repeat in enumerate(run["repeats"]):
            times = {name: repeat[name] for name in ("start_s", "end_s")}
            writer.window(Window(label="repeat", repeat=number, **times))
        writer.clocks(dict.fromkeys(names, 1e-4), dict.fromkeys(names, 0.0))
        return writer.finish({}, ranges(), have_ended=True)[0]


def timed(name: str, *words: str) -> None:
    """Run a command of energybench and print its times, and its memory."""
    began_s = time.monotonic()
    spent = energybench(*words)
    print(f"{spent.row(name)} {time.monotonic() - began_s:8.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--samples-to", type=int, default=1000, help="Most nodes with samples.")
    arguments = parser.parse_args()
    print("Peak memory is that of the largest of the three processes; last, the time by the clock.")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        part = measured_part(Path(folder) / "part", 60 * arguments.minutes)
        sizes = {file.name: file.stat().st_size / 1e3 for file in part.iterdir()}
        print(", ".join(f"{name} {size:.0f} kB" for name, size in sizes.items()))
        for nodes in arguments.nodes:
            with_samples = nodes <= arguments.samples_to
            job = write_job(store, part, nodes, samples=with_samples)
            timed(f"{nodes} nodes, from their results", "collect", str(job))
            if with_samples:
                timed(f"{nodes} nodes, from samples", "collect", str(job), "--from-samples")
            timed(f"{nodes} nodes, compare", "compare", str(job), str(job), "--force")
            shutil.rmtree(job)


if __name__ == "__main__":
    main()
