"""Valid inputs of every kind, made once: runs, a run that was cut off, a comparison, a study, a
scenario, a replay, meters' files, a profile.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from energybench.cli.main import main
from energybench.model import (
    Axes,
    Cell,
    ChannelProfile,
    Estimate,
    Host,
    SiteGain,
    Study,
    StudyCell,
    StudyPlan,
    StudyRatio,
    StudyRun,
    Variant,
    Window,
)
from energybench.plugins import Reading
from energybench.store import profiles, reader
from energybench.store.layout import new_id
from energybench.store.run import Header, pretty
from energybench.store.writer import RunWriter

STARTED = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
REPLAY = """schema = "energybench-replay/1"
label = "{label}"
idle = [0.0, 1.0]
repeats = [[1.5, 2.9], [3.4, 4.8]]

[host]
name = "node-{label}"
cpu = "a CPU"
sockets = 1
memory_bytes = 549755813888
started_utc = "2026-03-02T10:15:00Z"
started_s = 0.0

[workload]
name = "example-solver"
size = "32x64"
device = "cpu"

[work]
amount = 1.0
unit = "solve"
fingerprint = "example"
precision = "equal-precision"
flops = 5.2e12
bytes = 4.4e12

[[verification]]
quantity = "relative residual"
value = 8.7e-11
tolerance = 1e-10
passed = true

[[channels]]
device = "package-0"
component = "cpu.package"
kind = "counter"
collector = "rapl"
resolution = 1e-6
period_s = 0.001
wrap = 262143328911
start = 223931745823
prior = "rapl.package"
max_power_w = 1000.0
wave = {{ kind = "steps", steps = [[0.0, 63.8], [1.5, {watts}], [2.9, 80.0], [3.4, {watts}]] }}

[[channels]]
device = "GPU-1"
component = "gpu.board"
kind = "power"
quantity = "power_average"
resolution = 1e-3
period_s = 0.1
window_s = 0.025
energy_from = "samples"
outages = [[2.0, 2.2]]
wave = {{ kind = "square", low_w = 90.0, high_w = 300.0, period_s = 0.7 }}
"""


def make(folder: Path, data: Path) -> dict[str, list[Path]]:
    """The files by kind, under `folder`; `data`: the package's own data files."""
    kinds: dict[str, list[Path]] = {}
    replays = []
    for label, watts in (("one", 240.0), ("two", 180.0)):
        path = folder / f"{label}.toml"
        path.write_text(REPLAY.format(label=label, watts=watts), "utf-8")
        replays.append(path)
        run_command("measure", "--replay", str(path), "--out", str(folder / "store"))
    kinds["replay"] = replays
    kinds["run"] = sorted((folder / "store").iterdir())
    kinds["partial"] = [_partial(folder / "cut", kinds["run"][0])]
    kinds["comparison"] = [_comparison(folder / "comparison.json", kinds["run"])]
    kinds["study"] = [_study(folder / "study")]
    kinds["scenario"] = sorted((data / "scenarios").glob("*.toml"))
    kinds["meter"] = _meters(folder)
    kinds["profile"] = [_profile(folder / "profiles")]
    return kinds


def run_command(*arguments: str) -> None:
    code = main(arguments)
    if code:
        raise SystemExit(f"the corpus could not be made: {arguments} ended with {code}")


def _partial(store: Path, run: Path) -> Path:
    """A run that was cut off in its second repeat."""
    measured = reader.read_run(run)
    traces, _ = reader.read_traces(run)
    header = Header(
        id=new_id("cut"),
        label="cut",
        workload=measured.workload,
        command=("solve", "--fast"),
        boundary="compute",
        host=measured.host,
        channels=tuple(trace.channel for trace in traces),
        pid=1,
        pid_started=1,
    )
    with RunWriter(store, header) as writer:
        for i in range(60):
            t_s = i * 0.1
            energy = int(200e6 * t_s)
            writer.poll([Reading(energy, t_s, 0), Reading(150_000, t_s, 1)], 0.0, False, 0)
        writer.opening("repeat", 1.0, 0)
        writer.window(Window(label="repeat", start_s=1.0, end_s=3.0, repeat=0))
        writer.opening("repeat", 3.5, 1)
        return writer.directory


def _comparison(path: Path, runs: list[Path]) -> Path:
    from energybench.analysis.comparison.compare import compare

    sides = [reader.read_run(run) for run in runs]
    path.write_text(pretty(compare(sides[0], sides[1], force=True)), "utf-8")
    return path


def _study(folder: Path) -> Path:
    time_s = Estimate(value=2.0, low=1.9, high=2.1)
    ratio = Estimate(value=1.3, low=1.2, high=1.4)
    variants = (Variant(name="eager", settings={}), Variant(name="fused", settings={}))
    cell = Cell(
        key="n=512",
        at={"n": 512},
        workload="sdpa",
        size="smoke",
        variants=variants,
        step_amount=1.0,
    )
    runs = tuple(
        StudyRun(variant=variant.name, state="measured", time_s=time_s, energy_j=time_s)
        for variant in variants
    )
    ratios = (
        StudyRatio(
            variant="fused",
            speedup=ratio,
            energy_ratio=ratio,
            energy_title="energy ratio",
            memory_ratio=None,
            extra_memory_ratio=None,
            paired=3,
        ),
    )
    done = StudyCell(cell=cell, runs=runs, ratios=ratios)
    plan = StudyPlan(
        name="kernel",
        title="A kernel",
        about="Made up.",
        settings={},
        cells=(cell,),
        axes=Axes(x="n", y="n", panels=()),
        repeats=3,
    )
    study = Study(
        id="study_fuzz",
        workload="sdpa",
        device="cpu",
        plan=plan,
        cells=(done,),
        claims=(),
        idle_power_w=None,
        host=Host(name="n"),
        doubts=(),
        created_utc="2026-03-02T10:15:00+00:00",
    )
    folder.mkdir()
    (folder / "study.json").write_bytes(msgspec.json.encode(study))
    return folder


def _meters(folder: Path) -> list[Path]:
    """Power every 0.2 s as CSV, energy as CSV, and Prometheus' answer, around the first run."""
    moments = [STARTED + timedelta(seconds=0.2 * i - 3) for i in range(90)]
    watts = [500.0 if 1.5 <= 0.2 * i - 3 < 2.9 else 260.0 + i % 3 for i in range(90)]
    power = folder / "power.csv"
    rows = [f"{t.isoformat()},{w:.1f}" for t, w in zip(moments, watts, strict=True)]
    power.write_text("\n".join(["time,power_W", *rows]), "utf-8")
    energy = folder / "energy.csv"
    joules = [sum(watts[: i + 1]) * 0.2 for i in range(90)]
    rows = [f"{t.timestamp():.3f};{j / 3.6e6:.9f}" for t, j in zip(moments, joules, strict=True)]
    energy.write_text("\n".join(["timestamp;energy_kwh", *rows]), "utf-8")
    prometheus = folder / "prometheus.json"
    values = [[t.timestamp(), f"{w:.1f}"] for t, w in zip(moments, watts, strict=True)]
    series = {"metric": {"__name__": "node_power_watts"}, "values": values}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [series]}}
    prometheus.write_text(json.dumps(answer), "utf-8")
    return [power, energy, prometheus]


def _profile(folder: Path) -> Path:
    profile = ChannelProfile(
        channel="rapl/package-0/cpu.package/energy",
        device="package-0",
        host="n",
        update_period_s=0.001,
        window_s=0.0,
        lag_s=0.002,
        lag_u_s=0.001,
        gain=SiteGain(value=1.01, u_rel=0.01, reference="a meter", made_utc="2026-03-02T10:15:00"),
        load="a wave",
        made_utc="2026-03-02T10:15:00",
    )
    return profiles.save([profile], folder)[0]
