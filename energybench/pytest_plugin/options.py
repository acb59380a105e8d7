"""Options of `pytest --benchmark-energy`, and their possible values. The module imports almost
nothing, because every start of pytest pays for the imports.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pytest

from energybench.sensor_root import ROOT_VARIABLE, default_root

BOUNDARIES = ("compute", "device", "node-dc", "node-ac")
MARKER = (
    "energy(max_j=None, max_regression=None, group=None): energy of a test under "
    '--benchmark-energy: upper limit of the energy per iteration in J, largest regression ("5%"), '
    "and group of the table."
)
_LEAST_FOR_PRECISION = 8  # least number of windows before a precision counts


def percent(text: str) -> float:
    """'2%' as 0.02. Raises ArgumentTypeError."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage: write 5%") from None
    if not text.strip().endswith("%"):
        advice = f"write {number}%" + (
            f", or {100 * value:g}% for a share of {number}" * (0 < value < 1)
        )
        raise argparse.ArgumentTypeError(f"{text!r} has no percent sign: {advice}")
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 100 %: write 5%")
    return value / 100


def seconds(text: str, example: str = "0.5") -> float:
    """A length of time in s. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a length of time above 0 s: write {example}"
        )
    return value


def budget(text: str) -> float:
    """The time of all windows of a test, s. Raises ArgumentTypeError."""
    return seconds(text, "30")


def patience(text: str) -> float:
    """The longest wait for other tests, s. Raises ArgumentTypeError."""
    return seconds(text, "600")


def count(text: str) -> int:
    """A number of windows. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000: write 5")
    return int(text)


def add_options(parser: pytest.Parser) -> None:
    """Add the options of the measuring part."""
    group = parser.getgroup("energybench", "energy of benchmarks (energybench)")
    add = group.addoption
    add(
        "--benchmark-energy",
        action="store_true",
        default=False,
        help="Measure the energy of every `benchmark` and `energy_benchmark` test.",
    )
    add(
        "--benchmark-energy-precision",
        metavar="PERCENT",
        type=percent,
        default=None,
        help="Measure windows until the scatter's 95 %% interval is this narrow, such as 2%%.",
    )
    add(
        "--benchmark-energy-windows",
        metavar="N",
        type=count,
        default=5,
        help="Number of windows of a test (default: 5).",
    )
    add(
        "--benchmark-energy-min-time",
        metavar="SECONDS",
        type=seconds,
        default=0.5,
        help="Length aimed at for a window (default: 0.5); longer for slow sensors.",
    )
    add(
        "--benchmark-energy-max-time",
        metavar="SECONDS",
        type=budget,
        default=30.0,
        help="Length of all windows of a test (default: 30); at least one window is measured.",
    )
    add(
        "--benchmark-energy-boundary",
        metavar="NAME",
        choices=BOUNDARIES,
        default="compute",
        help=f"Parts of the node whose energy counts: {', '.join(BOUNDARIES)} (default: compute).",
    )
    add(
        "--benchmark-energy-store",
        metavar="DIR",
        default=None,
        help="Keep the samples of every test as a run directory in this folder.",
    )
    add(
        "--benchmark-energy-root",
        metavar="DIR",
        default=None,
        help=f"Prefix of /sys, /proc and /dev (default: ${ROOT_VARIABLE}, or /).",
    )
    add(
        "--benchmark-energy-wait",
        metavar="SECONDS",
        type=patience,
        default=600.0,
        help="Longest wait for the tests of other workers to end (default: 600).",
    )
    add(
        "--benchmark-energy-fail",
        metavar="PERCENT",
        type=percent,
        default=None,
        help="Fail if the energy of a test has risen by more than this, such as 5%%.",
    )
    add(
        "--benchmark-energy-fail-on",
        choices=("history", "single"),
        default="history",
        help="Evidence that may fail a build: several saved sessions (history, the default), or "
        "one saved run too (single).",
    )
    add(
        "--benchmark-energy-history",
        metavar="DIR",
        default=".energybench",
        help="Folder of saved sessions to compare with (default: .energybench).",
    )
    add(
        "--benchmark-energy-save",
        action="store_true",
        default=False,
        help="Add this session to the history, as a later baseline.",
    )
    add(
        "--benchmark-energy-new-level",
        action="store_true",
        default=False,
        help="Add this session to the history, and accept the energies of its tests: their "
        "history begins with it.",
    )
    add(
        "--benchmark-energy-side",
        metavar="FILE",
        default=None,
        help="Set by `energybench ab`, which judges: write the energies of this session to a file.",
    )
    add(
        "--benchmark-energy-rehearsal",
        action="store_true",
        default=False,
        help="Set by `energybench ab`: measure one window of each test.",
    )
    add(
        "--benchmark-energy-only",
        metavar="FILE",
        default=None,
        help="Set by `energybench ab`: run only the tests that a file names.",
    )


def without_switch(config: pytest.Config) -> str:
    """A line about gates that have no effect without --benchmark-energy; empty without gates."""
    stated = gates(config)
    if config.getoption("benchmark_energy") or not stated:
        return ""
    verb = "has" if len(stated) == 1 else "have"
    return (
        f"energybench: {', '.join(stated)} {verb} no effect without --benchmark-energy: no energy "
        "was measured"
    )


def gates(config: pytest.Config) -> list[str]:
    """The stated options that have no effect without a measurement."""
    return [
        f"--benchmark-energy-{name}"
        for name in ("fail", "save", "new-level", "precision")
        if config.getoption(f"benchmark_energy_{name.replace('-', '_')}")
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of the measurement of tests.

    precision_rel  half-width of the scatter's interval to stop at; None: a fixed number of windows
    windows        number of windows
    all_windows    number of windows without a rehearsal
    window_s       least length of a window
    budget_s       total length of the windows of a test
    store          folder for the runs; None: the runs are not kept
    root           prefix of /sys, /proc and /dev
    wait_s         longest wait for the machine
    """

    precision_rel: float | None
    windows: int
    all_windows: int
    window_s: float
    budget_s: float
    boundary: str
    store: str | None
    root: str
    wait_s: float


def settings(config: pytest.Config) -> Settings:
    """The settings of this session."""
    option = config.getoption
    precision_rel, windows = (
        option("benchmark_energy_precision"),
        option("benchmark_energy_windows"),
    )
    all_windows = windows if precision_rel is None else max(windows, _LEAST_FOR_PRECISION)
    if option("benchmark_energy_rehearsal"):
        precision_rel, windows = None, 1
    return Settings(
        precision_rel=precision_rel,
        windows=windows,
        all_windows=all_windows,
        window_s=option("benchmark_energy_min_time"),
        budget_s=option("benchmark_energy_max_time"),
        boundary=option("benchmark_energy_boundary"),
        store=option("benchmark_energy_store"),
        root=option("benchmark_energy_root") or default_root(),
        wait_s=option("benchmark_energy_wait"),
    )
