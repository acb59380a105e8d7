"""What a person asks of `energybench ab`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from energybench.errors import BadInput

_PAIRS, _PAIRS_OF_TESTS = 8, 5
# Options that a comparison of tests does not have: the plugin measures, and keeps no runs.
_OF_COMMANDS = {
    "idle": "--idle",
    "settle": "--settle",
    "margin": "--margin",
    "out": "--out",
    "collector": "--collector",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """The options of `ab`.

    baseline   revision of side A; None: both commands run here
    setup      shell command for the worktree of the baseline
    same       one command against itself
    pairs      number of pairs; None: not stated
    threshold  of the gate, 0.05 for 5 %; None: no gate
    """

    baseline: str | None
    setup: str | None
    same: bool
    pairs: int | None
    threshold: float | None
    seed: int
    settle_s: float
    idle_s: float
    boundary: Any
    margin: float
    out: Path
    collectors: tuple[str, ...]
    root: Path
    json: bool

    @property
    def blocks(self) -> int:
        """Number of pairs of commands."""
        return _PAIRS if self.pairs is None else self.pairs

    @property
    def pairs_of_tests(self) -> int:
        """Number of pairs of processes of pytest."""
        return _PAIRS_OF_TESTS if self.pairs is None else self.pairs


def check_baseline(wish: Wish, words: list[str]) -> None:
    """Raise BadInput for options that do not go together."""
    if wish.baseline is None:
        if wish.setup is not None:
            raise BadInput("--setup", "sets up the worktree of a baseline", "with --baseline REF")
        return
    if wish.same:
        raise BadInput("--same", "and --baseline exclude each other", "leave one of them out")
    if ":::" in words or not words:
        raise BadInput(
            "--baseline", "takes one command", "energybench ab --baseline REF -- COMMAND"
        )


def check_options_of_tests(context: typer.Context) -> None:
    """Raise BadInput for options that a comparison of tests does not have."""
    for name, option in _OF_COMMANDS.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise BadInput(option, "does nothing with pytest, whose plugin measures the tests")
