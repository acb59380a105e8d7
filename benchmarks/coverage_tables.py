"""The tables of docs/accuracy.md, "Do the intervals hold the truth?", from a study as JSON.

    energybench simulate --experiments 400 --window all --jobs 1 --json > study.json
    python benchmarks/coverage_tables.py study.json

Coverage counts the experiments that the analysis does not call unusable; the percentage of unusable
experiments stands in brackets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]


def pooled(figures: Iterable[Figures]) -> tuple[float | None, float]:
    """Coverage of the usable experiments, and the part of all experiments that is unusable."""
    usable, hits, experiments = 0, 0.0, 0
    for one in figures:
        count = one["experiments"] - one["flagged"]
        experiments += one["experiments"]
        usable += count
        hits += count * (one["coverage"] or 0.0)
    return (hits / usable if usable else None), 1 - usable / experiments


def entry(figures: Sequence[Figures]) -> str:
    coverage, unusable = pooled(figures)
    bracket = f" ({unusable:.0%})" if unusable >= 0.005 else ""
    return f"{_percent(coverage, 1)}{bracket}"


def windows_table(study: Mapping[str, Any]) -> list[str]:
    """Coverage by sensor and window, with the errors and widths of each sensor."""
    windows = [one["window_s"] for one in study["by_window"]]
    spread = ("95 % of errors within", "half-width", "/ oracle")
    lines = _head("coverage", *(f"{window:g} s" for window in windows), *spread)
    rows = [(one["sensor"], one["figures"]) for one in study["by_sensor"]]
    for sensor, figures in [*rows, (None, study["overall"])]:
        fields = []
        for window in windows:
            cells = [
                cell["figures"]
                for cell in study["cells"]
                if cell["window_s"] == window and sensor in (None, cell["sensor"])
            ]
            fields.append(entry(cells))
        lines.append(_line(sensor or "all", *fields, *_widths(figures)))
    return lines


def groups_table(title: str, key: str, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _head(title, "coverage (unusable)", "95 % of errors within", "half-width", "/ oracle")
    for group in groups:
        lines.append(_line(group[key], entry([group["figures"]]), *_widths(group["figures"])))
    return lines


def lowest_cells(study: Mapping[str, Any], count: int) -> list[str]:
    """Cells with the lowest coverage, of those of which at least half can be used."""
    usable = [
        cell
        for cell in study["cells"]
        if cell["figures"]["flagged"] * 2 <= cell["figures"]["experiments"]
    ]
    usable.sort(key=lambda cell: float(cell["figures"]["coverage"]))
    lines = _head("lowest cells", "coverage", "experiments")
    for cell in usable[:count]:
        name = f"{cell['sensor']}, {cell['wave']}, {cell['window_s']:g} s"
        figures = cell["figures"]
        interval = f"{figures['coverage_low']:.1%}-{figures['coverage_high']:.1%}"
        coverage = f"{_percent(figures['coverage'], 1)} ({interval})"
        lines.append(_line(name, coverage, str(figures["experiments"])))
    return lines


def _widths(figures: Figures) -> tuple[str, str, str]:
    ratio = figures["ratio"]
    return (
        _percent(figures["p95_rel"], 1),
        _percent(figures["half_width_rel"], 1),
        "-" if ratio is None else f"{ratio:.2f}",
    )


def _percent(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def _head(*fields: str) -> list[str]:
    return [_line(*fields), "|---" * len(fields) + "|"]


def _line(*fields: str) -> str:
    return f"| {' | '.join(fields)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="output of energybench simulate --json")
    study = json.loads(parser.parse_args().study.read_text("utf-8"))
    overall = study["overall"]
    interval = f"{overall['coverage_low']:.1%}-{overall['coverage_high']:.1%}"
    print(
        f"{len(study['cells'])} cells of {study['experiments_per_cell']} experiments, seed "
        f"{study['seed']}, gain {study['gain']}: coverage {overall['coverage']:.1%} ({interval}), "
        f"{study['poor_cells']} cells below 90 %, {study['flagged_cells']} mostly unusable\n"
    )
    tables = (
        windows_table(study),
        groups_table("load", "wave", study["by_wave"]),
        groups_table("repeats", "repeats", study["by_repeats"]),
        lowest_cells(study, 10),
    )
    print("\n\n".join("\n".join(table) for table in tables))


if __name__ == "__main__":
    main()
