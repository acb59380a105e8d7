"""`energybench simulate`"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from energybench.cli import common
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.simulating.result import Group, Simulation
    from energybench.simulating.study import Figures

# experiments a cell of the default run: half a minute on two cores, and enough for the groups
SMALL = 40
WINDOWS_S = (0.2, 0.35, 1.0, 5.0, 10.0, 60.0, 600.0)
_DEFAULT_WINDOWS_S = (0.35, 1.0, 10.0)
REPEATS = ("1", "2", "3", "5", "8", "20", "stop")
_GAINS = ("prior", "1", "wide", "biased")
_APART_WINDOW_S = 10.0  # long enough that the gain, and not the window's edges, decides
# with more repeats of a run or a longer window, one experiment takes minutes
_MOST_REPEATS, _LONGEST_S = 1000, 3600.0


def simulate(
    experiments: Annotated[
        int,
        typer.Option(
            "--experiments",
            min=1,
            max=1_000_000,
            help="Experiments a cell; 2000 give a coverage to 1 %.",
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
            "--wave",
            help="Only this kind of load (may be repeated); an unknown name lists the loads.",
        ),
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(
            "--window",
            help="Seconds of a window (may be repeated), or all; default 0.35, 1 and 10.",
        ),
    ] = None,
    repeats: Annotated[
        list[str] | None,
        typer.Option("--repeats", help="Repeats of a run: a number or stop (may be repeated)."),
    ] = None,
    gain: Annotated[
        str,
        typer.Option(
            "--gain",
            help="prior: gains as stated; 1: exact gains; wide, biased: gains stated wrongly.",
        ),
    ] = "prior",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all random numbers.")] = 1,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, max=1024, help="Processes; default: one for every CPU."),
    ] = None,
    json: bool = common.JSON,
) -> None:
    """Thousands of synthetic experiments through the real analysis: the errors of its results, and
    the coverage of its intervals.
    """
    from energybench import data
    from energybench.simulating import study
    from energybench.simulating.experiment import Cell, Settings
    from energybench.simulating.result import simulation
    from energybench.simulating.sensors import SENSORS, Prior
    from energybench.simulating.waves import FAMILIES

    sensors, waves = _named("--sensor", sensor, SENSORS), _named("--wave", wave, FAMILIES)
    windows, levels = _windows(window), _levels(repeats)
    mode: Any = _named("--gain", [gain], dict.fromkeys(_GAINS))[0]
    cells = [
        Cell(name, kind, seconds, mode) for name in sensors for kind in waves for seconds in windows
    ]
    if mode == "prior":
        cells += _apart(sensors, waves[0], Cell)
    priors = {
        name: Prior(row.u_rel, row.distribution)
        for name, row in data.priors().items()
        if row.distribution in ("normal", "rectangular")
    }
    ranges = {name: (row.low, row.high, row.source) for name, row in data.part_ranges().items()}
    settings = Settings(levels, seed, priors, ranges)
    with common.progress() as progress:
        tables = study.run(
            cells, settings, experiments, jobs or len(os.sched_getaffinity(0)), progress
        )
        result = simulation(tables, settings, mode, experiments)
    if json:
        common.print_json(result)
    else:
        print("\n".join(_text(result)))


def _named(option: str, wanted: list[str] | None, choices: Iterable[str]) -> list[str]:
    """The wanted names, or all choices. Raises BadInput for an unknown name."""
    names = list(choices)
    for name in wanted or ():
        if name not in names:
            raise BadInput(f"{option} {name}", "is not a choice", ", ".join(names))
    return list(dict.fromkeys(wanted or names))


def _windows(texts: list[str] | None) -> list[float]:
    windows: list[float] = []
    for text in texts or ():
        if text == "all":
            windows += WINDOWS_S
            continue
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0.05 <= seconds <= _LONGEST_S:
            lengths = ", ".join(f"{length:g}" for length in WINDOWS_S)
            raise BadInput(
                f"--window {text}",
                "is not the length of a window",
                f"0.05 to {_LONGEST_S:g} seconds, or all: {lengths}",
            )
        windows.append(seconds)
    return list(dict.fromkeys(windows)) or list(_DEFAULT_WINDOWS_S)


def _levels(texts: list[str] | None) -> tuple[str, ...]:
    for text in texts or ():
        if text != "stop" and not (text.isdecimal() and 1 <= int(text) <= _MOST_REPEATS):
            raise BadInput(
                f"--repeats {text}",
                "is not a number of repeats",
                f"1 to {_MOST_REPEATS}, or stop (the rule of `run`); default: {', '.join(REPEATS)}",
            )
    return tuple(
        dict.fromkeys(text if text == "stop" else str(int(text)) for text in texts or REPEATS)
    )


def _apart(sensors: list[str], wave: str, cell: Any) -> list[Any]:
    """The sensors again, with a wrong prior: spread twice as wide, and for boards also a bias."""
    boards = [name for name in sensors if name not in ("rapl", "pm_counters")]
    return [
        cell(name, wave, _APART_WINDOW_S, mode)
        for mode, names in (("wide", sensors), ("biased", boards))
        for name in names
    ]


# ---------------------------------------------------------------- text

_NAME = 44  # columns of a row's name
_HEAD = (
    f"{'experiments':>11} {'flagged':>8} {'coverage':>9} {'error rms':>10} {'95 %':>8} "
    f"{'half-width':>11} {'/ oracle':>9}"
)


def _text(result: Simulation) -> Iterable[str]:
    from energybench.simulating.result import FEW, POOR

    rows: Mapping[str, tuple[Group, ...]] = {
        "by sensor": result.by_sensor,
        "by load": result.by_wave,
        "by window": result.by_window,
        "by repeats": result.by_repeats,
        "apart: wrong stated priors, in no other figure": result.apart,
    }
    yield f"{'':<{_NAME}} {_HEAD}"
    yield from (_line(_name(cell), cell.figures) for cell in result.cells)
    for title, groups in rows.items():
        if groups:
            yield f"\n{title}"
            yield from (_line(_name(group), group.figures) for group in groups)
    overall = result.overall
    flagged = overall.flagged / overall.experiments
    yield ""
    yield _line("overall", overall)
    yield (
        f"coverage {_percent(overall.coverage)} ({_percent(overall.coverage_low)} to "
        f"{_percent(overall.coverage_high)}), flagged unusable {flagged:.1%}, "
        f"{_against(overall.ratio)}{result.poor_cells} of {len(result.cells)} cells cover less "
        f"than {POOR:.0%}, in {result.flagged_cells} most experiments are flagged"
    )
    if result.experiments_per_cell < FEW:
        yield (
            f"A small study: {result.experiments_per_cell} experiments a cell say little about a "
            "single cell. A full study: --experiments 2000 --window all"
        )


def _name(group: Group) -> str:
    window = f"{group.window_s:g} s" if group.window_s is not None else None
    gain = group.gain if group.gain in ("wide", "biased") else None
    words = (group.sensor, group.wave, window, group.repeats, gain)
    return "  ".join(word for word in words if word)


def _line(name: str, figures: Figures) -> str:
    flagged = figures.flagged / figures.experiments
    return (
        f"{name:<{_NAME}} {figures.experiments:>11} {flagged:>8.1%} "
        f"{_percent(figures.coverage):>9} {_percent(figures.rms_rel, 2):>10} "
        f"{_percent(figures.p95_rel, 2):>8} {_percent(figures.half_width_rel, 2):>11} "
        f"{_ratio(figures.ratio):>9}"
    )


def _percent(share: float | None, places: int = 1) -> str:
    return "-" if share is None else f"{share:.{places}%}"


def _against(ratio: float | None) -> str:
    """Half-widths against the oracle; empty if the experiments are too few for an oracle."""
    return "" if ratio is None else f"median half-width {_ratio(ratio)} times the oracle's, "


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
