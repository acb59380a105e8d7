"""`energybench quickstart`: everything once, on whatever this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from energybench.cli import common

STORE = Path("results/quickstart")
SCENARIO = "example-centre"


class Trial(NamedTuple):
    """One workload run of the quickstart."""

    label: str
    workload: str
    size: str
    device: str
    settings: dict[str, str]


# Variants on the one device: same problem, same check, another way to it. On two devices the second of each pair runs on both.
VARIANTS = (
    (Trial("milc fp64", "milc", "smoke", "cpu", {"precision": "fp64"}), Trial("milc mixed precision", "milc", "smoke", "cpu", {"precision": "mixed"})),
    (Trial("attention eager", "sdpa", "smoke", "cpu", {"backend": "eager"}), Trial("attention fused", "sdpa", "smoke", "cpu", {"backend": "fused"})),
)


def quickstart(
    out: Annotated[Path, typer.Option("--out", help="Store for the runs and the report.")] = STORE,
    repeats: Annotated[int, typer.Option("--repeats", min=2, help="Repeats of each run.")] = 8,
    json: bool = common.JSON,
) -> None:
    """Look at the sensors, measure two workloads on every device (or two variants on one), compare, project, write the report."""
    from energybench.analysis.compare import compare
    from energybench.cli import doctor, summary
    from energybench.cli.report import write
    from energybench.plugins import load
    from energybench.store.document import document, timeline

    found = doctor.examine()
    common.say(doctor.text(found) + "\n")
    renderer = load("reports", "html")  # before anything is measured: a missing extra shows at once
    measurements, comparisons, timelines = [], [], []
    for baseline, candidate in trials(any(gpu.used for gpu in found["host"].gpus)):
        pair = []
        for trial in (baseline, candidate):
            directory, result = _run(trial, out, repeats)
            common.say(summary.measurement(result) + "\n")
            timelines.append(timeline(directory, result))
            pair.append(result)
        compared = compare(pair[0], pair[1], force=True)
        common.say(summary.comparison(compared) + "\n")
        measurements += pair
        comparisons.append(compared)
    projection = _project(comparisons)
    results: list[Any] = [*comparisons, projection, *measurements]
    notes = ["Made by `energybench quickstart`: small sizes, to see the instrument work. Claims need larger sizes and whole nodes."]
    made = document("energybench quickstart", results, timelines, notes)
    target = out / "report.html"
    write(target, renderer.render(made))
    if json:
        common.print_json(made)
    common.say(f"report: {target}")
    raise typer.Exit(0 if all(check.passed for result in measurements for check in result.verification) else 1)


def trials(accelerator: bool) -> list[tuple[Trial, Trial]]:
    """CPU against accelerator where there are both, else the two variants on the CPU."""
    if not accelerator:
        return list(VARIANTS)
    pairs = []
    for _, chosen in VARIANTS:
        sides = [chosen._replace(label=f"{chosen.label}, {name}", device=device) for name, device in (("CPU", "cpu"), ("GPU", "cuda"))]
        pairs.append((sides[0], sides[1]))
    return pairs


def _run(trial: Trial, out: Path, repeats: int) -> tuple[Path, Any]:
    from energybench.measuring.plan import Plan
    from energybench.measuring.signals import Signals
    from energybench.measuring.workload import Request, run_workload
    from energybench.model import WorkloadRef

    reference = WorkloadRef(name=trial.workload, size=trial.size, device=trial.device, settings=dict(trial.settings))
    plan = Plan(store=out, label=trial.label, boundary="compute", idle_s=3.0, workload=reference)
    request = Request(trial.workload, trial.size, trial.device, trial.settings, repeats=repeats)
    with Signals() as signals, common.progress() as update:
        outcome = run_workload(request, plan, signals, update)
    return outcome.directory, outcome.measurement


def _project(comparisons: list[Any]) -> Any:
    from energybench.analysis.project import project
    from energybench.data.scenario_files import read

    return project(read(SCENARIO), comparisons)
