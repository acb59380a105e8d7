"""`energybench quickstart`: everything once, with the sensors and devices at hand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from energybench.cli import common, options
from energybench.errors import BadInput
from energybench.measuring.plan import MIN_WINDOW_S

if TYPE_CHECKING:
    from energybench.measuring.run_outcome import RunOutcome

STORE = Path("results/quickstart")
SCENARIO = "example-centre"
# shorter than in `run`: the quickstart shows the instrument at work
IDLE_S, MAX_WARM_UP_S, SETTLE_S = 2.0, 5.0, 0.5


class Trial(NamedTuple):
    """A workload run of the quickstart."""

    label: str
    workload: str
    size: str
    device: str
    settings: dict[str, str]


class Shape(NamedTuple):
    """Number and length of the repeats (None: as many as the scatter asks for), and the warm-up's
    cap.
    """

    repeats: int | None
    min_window_s: float
    max_warm_up_s: float


# Variants on a single device: a problem with a check, solved in two ways. With two devices, the
# second variant of a pair runs on CPU and GPU.
VARIANTS = (
    (
        Trial("milc fp64", "milc", "16", "cpu", {"precision": "fp64"}),
        Trial("milc mixed precision", "milc", "16", "cpu", {"precision": "mixed"}),
    ),
    (
        Trial("attention eager", "sdpa", "smoke", "cpu", {"backend": "eager"}),
        Trial("attention fused", "sdpa", "smoke", "cpu", {"backend": "fused"}),
    ),
)


def quickstart(
    out: options.QuickstartOut = STORE,
    repeats: options.Repeats = "8",
    min_window: options.MinWindow = MIN_WINDOW_S,
    max_warm_up: options.MaxWarmUp = MAX_WARM_UP_S,
    json: options.Json = False,
) -> None:
    """Try everything once: sensors, two workloads, a report.

    Measures two workloads on CPU and GPU (without a GPU: two variants of each on the CPU),
    compares, projects and writes a report.
    """
    shape = Shape(options.repeat_count(repeats, least=2), min_window, max_warm_up)
    _installed()
    raise typer.Exit(everything(VARIANTS, out, shape, json=json))


def everything(
    variants: Sequence[tuple[Trial, Trial]], out: Path, shape: Shape, *, json: bool
) -> int:
    """Measure the variants, compare the two of each pair, project and write the report. Returns the
    exit code.
    """
    from energybench.analysis.comparison.compare import compare
    from energybench.cli import doctor, summary
    from energybench.cli.report_files import write
    from energybench.registry import load
    from energybench.store.digests import of_stored
    from energybench.store.document import document, timeline
    from energybench.units import show

    findings = doctor.examine()
    common.say_lines(doctor.text(findings))
    measurements, comparisons, timelines, directories = [], [], [], {}
    accelerator = bool(findings["host"].gpus_of_work)
    for baseline, candidate in _trials(variants, accelerator, out):
        pair = []
        for outcome in _run([baseline, candidate], out, shape):
            common.say(summary.per_work(outcome.measurement))
            timelines.append(timeline(outcome.directory, outcome.measurement))
            directories[outcome.measurement.id] = outcome.directory
            pair.append(outcome.measurement)
        compared = compare(pair[0], pair[1], force=True)
        common.say_lines(summary.answer(compared))
        measurements += pair
        comparisons += of_stored([compared], directories)
    renderer = load("reports", "html")
    projection = _project(comparisons)
    common.say(f"{projection.title}: saved a month {show(projection.saved_mwh_per_month, 'MWh')}")
    results: list[Any] = [*comparisons, projection, *measurements]
    notes = [
        "Made by `energybench quickstart`: small sizes, to see the instrument work. Claims need "
        "larger sizes and whole nodes."
    ]
    contents = document("energybench quickstart", results, timelines, notes)
    target = out / "report.html"
    write(target, renderer.render(contents))
    if json:
        common.print_json(contents)
    common.say(f"report: {target}")
    return 1 if any(result.failed_checks for result in measurements) else 0


def _installed() -> None:
    """Raises BadInput for a missing package, before anything is measured."""
    for module, extra in (("torch", "workloads"), ("altair", "report")):
        if find_spec(module) is None:
            raise BadInput(module, "is not installed", f"pip install 'energybench[{extra}]'")


def _trials(
    variants: Sequence[tuple[Trial, Trial]], accelerator: bool, out: Path
) -> list[tuple[Trial, Trial]]:
    """CPU against accelerator if the workloads can use the accelerator, else two variants on the
    CPU.
    """
    if accelerator:
        probe = variants[1][1]._replace(label="probe", device="cuda")
        try:
            _run([probe], out / ".probe", Shape(2, MIN_WINDOW_S, MAX_WARM_UP_S))
            return both_devices(variants)
        except BadInput as why:
            common.say(f"the accelerator is measured but not used: {why}")
        finally:
            shutil.rmtree(out / ".probe", ignore_errors=True)
    return list(variants)


def both_devices(variants: Sequence[tuple[Trial, Trial]]) -> list[tuple[Trial, Trial]]:
    """The second variant of every pair, on CPU and GPU."""
    pairs = []
    for _, chosen in variants:
        sides = [
            chosen._replace(label=f"{chosen.label}, {name}", device=device)
            for name, device in (("CPU", "cpu"), ("GPU", "cuda"))
        ]
        pairs.append((sides[0], sides[1]))
    return pairs


def _run(trials: Sequence[Trial], out: Path, shape: Shape) -> list[RunOutcome]:
    """Run trials interleaved; the outcomes.

    Raises typer.Exit if a failed trial or a signal leaves nothing to compare.
    """
    from energybench.cli.variants import execute
    from energybench.measuring.plan import Blocks, Plan, Request
    from energybench.model import WorkloadRef

    runs = []
    for trial in trials:
        reference = WorkloadRef(
            name=trial.workload, size=trial.size, device=trial.device, settings=dict(trial.settings)
        )
        plan = Plan(
            store=out, label=trial.label, boundary="compute", idle_s=IDLE_S, workload=reference
        )
        runs.append(
            (
                plan,
                Request(
                    workload=trial.workload,
                    size=trial.size,
                    device=trial.device,
                    settings=trial.settings,
                    repeats=shape.repeats,
                    min_window_s=shape.min_window_s,
                    max_warm_up_s=shape.max_warm_up_s,
                ),
            )
        )
    labels = " and ".join(trial.label for trial in trials)
    turns = ", taking turns" if len(trials) > 1 else ""
    common.say(f"measuring {labels}: {shape.repeats or 'auto'} repeats{turns}")
    together, signalled = execute(runs, Blocks(settle_s=SETTLE_S))
    if signalled:
        common.say(f"energybench: interrupted; the runs so far are in {out}")
    outcomes = [outcome for outcome in together.outcomes if outcome is not None]
    if signalled or len(outcomes) < len(trials):
        raise typer.Exit(together.code)
    return outcomes


def _project(comparisons: list[Any]) -> Any:
    from energybench.projecting.project import project
    from energybench.projecting.scenario_files import read

    return project(read(SCENARIO), comparisons)
