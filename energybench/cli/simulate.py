"""`energybench simulate`"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from energybench.cli import common, number_options, options
from energybench.errors import BadInput
from energybench.units import counted, decimal_number, whole_number

if TYPE_CHECKING:
    from energybench.simulating.result import Group, Simulation
    from energybench.simulating.study import CellFigures

# experiments in a cell of the default run: a minute on two cores, and enough for the totals by
# sensor, load and window
SMALL = 40
WINDOWS_S = (0.2, 0.35, 1.0, 5.0, 10.0, 60.0, 600.0)
_DEFAULT_WINDOWS_S = (0.35, 1.0, 10.0)
REPEATS = ("1", "2", "3", "5", "8", "20", "stop")
_GAINS = ("prior", "1", "wide", "biased")
# long enough for the gain, and not the window's edges, to decide; if this length is not simulated,
# the longest that is
_APART_WINDOW_S = 10.0
# most repeats of a run, and longest window in s: with more, an experiment takes minutes
_MOST = (1000.0, 3600.0)


def simulate(
    experiments: Annotated[
        int,
        number_options.whole(
            "--experiments",
            low=1,
            high=1_000_000,
            help="Experiments in each cell; 2000 give the coverage to ±1 %.",
        ),
    ] = SMALL,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            "--sensor",
            help="Only this sensor (may be repeated); an unknown name lists the sensors.",
        ),
    ] = None,
    wave: Annotated[
        list[str] | None,
        typer.Option(
            "--wave", help="Only this kind of load (may be repeated); an unknown name lists them."
        ),
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(
            "--window",
            help="Seconds of a window (may be repeated), or all; default 0.35, 1 and 10.",
        ),
    ] = None,
    run_repeats: Annotated[
        list[str] | None,
        typer.Option(
            "--run-repeats",
            help="Repeats of a simulated run: a number, or stop for the rule of --repeats auto "
            "(may be repeated).",
        ),
    ] = None,
    gain: Annotated[
        str,
        typer.Option(
            "--gain",
            help="Gains of the sensors: prior, as stated; 1, exact; wide or biased, off by more "
            "than stated.",
        ),
    ] = "prior",
    seed: options.ExperimentSeed = 1,
    jobs: Annotated[
        int | None,
        number_options.whole(
            "--jobs", low=1, high=1024, help="Number of processes; default: one for each CPU."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Simulate experiments: do the intervals hold the truth?

    Sends made-up experiments with known energy through the real analysis, and tells how far off
    the results are and how often their intervals hold the true energy.
    """
    from energybench import data
    from energybench.simulating import study
    from energybench.simulating.experiment import ExperimentCell, StudySettings
    from energybench.simulating.result import simulation
    from energybench.simulating.sensors import SENSORS, PriorMode
    from energybench.simulating.waves import FAMILIES

    sensors, waves = _named("--sensor", sensor, SENSORS), _named("--wave", wave, FAMILIES)
    windows, levels = _windows(window), _levels(run_repeats)
    mode: Any = _named("--gain", [gain], dict.fromkeys(_GAINS))[0]
    cells = [
        ExperimentCell(name, kind, seconds, mode)
        for name in sensors
        for kind in waves
        for seconds in windows
    ]
    if mode == "prior":
        window_s = _APART_WINDOW_S if _APART_WINDOW_S in windows else max(windows)
        cells += _apart(sensors, waves[0], window_s, ExperimentCell)
    priors = {
        name: PriorMode(row.u_rel, row.distribution)
        for name, row in data.priors().items()
        if row.distribution in ("normal", "rectangular")
    }
    settings = StudySettings(
        levels,
        seed,
        priors,
        data.stated_ranges(),
    )
    with common.progress() as progress:
        tables = study.run(
            cells, settings, experiments, jobs or len(os.sched_getaffinity(0)), progress
        )
        summed = simulation(tables, settings, mode, experiments)
    if json:
        common.print_json(summed)
    else:
        print("\n".join(_text(summed)))


def _named(option: str, wanted: list[str] | None, names: Iterable[str]) -> list[str]:
    have = list(names)
    for name in wanted or ():
        if name not in have:
            raise BadInput(f"{option} {name}", "does not exist", ", ".join(have))
    return list(dict.fromkeys(wanted or have))


def _windows(texts: list[str] | None) -> list[float]:
    windows_s: list[float] = []
    for text in texts or ():
        if text == "all":
            windows_s += WINDOWS_S
            continue
        seconds = decimal_number(text)
        if seconds is None or not 0.05 <= seconds <= _MOST[1]:
            raise BadInput(
                f"--window {text}",
                "is not the length of a window",
                f"0.05 to {_MOST[1]:g} seconds, or all: {', '.join(f'{s:g}' for s in WINDOWS_S)}",
            )
        windows_s.append(seconds)
    return list(dict.fromkeys(windows_s)) or list(_DEFAULT_WINDOWS_S)


def _levels(texts: list[str] | None) -> tuple[str, ...]:
    for text in texts or ():
        if text != "stop" and not 1 <= (whole_number(text) or 0) <= _MOST[0]:
            raise BadInput(
                f"--run-repeats {text}",
                "is not a number of repeats",
                f"1 to {_MOST[0]:g}, or stop (the rule of `run`); default: {', '.join(REPEATS)}",
            )
    return tuple(
        dict.fromkeys(text if text == "stop" else str(int(text)) for text in texts or REPEATS)
    )


def _apart(sensors: list[str], wave: str, window_s: float, cell: Any) -> list[Any]:
    """Cells with wrong priors: gains that spread twice as wide, and boards with a bias."""
    from energybench.simulating.sensors import SENSORS

    boards = [name for name in sensors if SENSORS[name].biased]
    return [
        cell(name, wave, window_s, mode)
        for mode, names in (("wide", sensors), ("biased", boards))
        for name in names
    ]


# ---------------------------------------------------------------- text

_NAME = 44  # columns of a row's name
_HEAD = (
    f"{'experiments':>11} {'flagged':>8} {'coverage':>9} {'error rms':>10} {'95 %':>8} "
    f"{'half-width':>11} {'/ oracle':>9}"
)


def _text(summed: Simulation) -> Iterable[str]:
    from energybench.simulating.result import FEW, POOR

    rows: Mapping[str, tuple[Group, ...]] = {
        "by sensor": summed.by_sensor,
        "by load": summed.by_wave,
        "by window": summed.by_window,
        "by repeats": summed.by_repeats,
        "apart: stated priors that are wrong, in no other figure": summed.apart,
    }
    yield f"{'':<{_NAME}} {_HEAD}"
    yield from (_line(_name(cell), cell.figures) for cell in summed.cells)
    for title, groups in rows.items():
        if groups:
            yield f"\n{title}"
            yield from (_line(_name(group), group.figures) for group in groups)
    over = summed.overall
    flagged = over.flagged / over.experiments
    yield ""
    yield _line("overall", over)
    yield (
        f"coverage {_percent(over.coverage)} ({_percent(over.coverage_low)} to "
        f"{_percent(over.coverage_high)}), flagged unusable {flagged:.1%}, "
        f"{_against(over.ratio)}{summed.poor_cells} of {counted(len(summed.cells), 'cell')} "
        "cover less than "
        f"{POOR:.0%}, "
        f"in {summed.flagged_cells} most experiments are flagged"
    )
    if summed.experiments_per_cell < FEW:
        yield (
            f"A small study: {summed.experiments_per_cell} experiments a cell say little of one "
            "cell. A full one: --experiments 2000 --window all"
        )


def _name(group: Group) -> str:
    window = f"{group.window_s:g} s" if group.window_s is not None else None
    words = [
        word
        for word in (
            group.sensor,
            group.wave,
            window,
            group.repeats,
            group.gain if group.gain in ("wide", "biased") else None,
        )
        if word
    ]
    return "  ".join(words)


def _line(name: str, of: CellFigures) -> str:
    return (
        f"{name:<{_NAME}} {of.experiments:>11} {of.flagged / of.experiments:>8.1%} "
        f"{_percent(of.coverage):>9} {_percent(of.rms_rel, 2):>10} "
        f"{_percent(of.p95_rel, 2):>8} {_percent(of.half_width_rel, 2):>11} {_ratio(of.ratio):>9}"
    )


def _percent(share: float | None, places: int = 1) -> str:
    return "-" if share is None else f"{share:.{places}%}"


def _against(ratio: float | None) -> str:
    """Half-widths against the oracle's; empty if too few experiments have an oracle."""
    return "" if ratio is None else f"median half-width {_ratio(ratio)} times the oracle's, "


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
