"""`energybench ab -- COMMAND_A ::: COMMAND_B` and `energybench ab --baseline REF -- COMMAND`"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, gate_lines, number_options, options
from energybench.cli.ab_wish import Wish, check_baseline, check_options_of_tests
from energybench.errors import BadInput, brief
from energybench.foreign_text import visible
from energybench.measuring.plan import SEED, SETTLE_S, Plan
from energybench.measuring.signals import Signals

if TYPE_CHECKING:
    from energybench.gating.side import Side
    from energybench.measuring.alternating import Alternated, Turn
    from energybench.model import Comparison

OWN_FAILURE = 125


def ab(
    context: typer.Context,
    commands: Annotated[
        list[str] | None,
        typer.Argument(help="Two commands after --, with ::: in between; with --baseline one."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="REF",
            help="A is this git revision, in a worktree of its own that is removed afterwards; B "
            "is the working tree as it is. If the command is pytest, each "
            "energy test is compared.",
        ),
    ] = None,
    setup: Annotated[
        str | None,
        typer.Option(
            "--setup",
            metavar="CMD",
            help="With --baseline: run once in the worktree, by the shell. If it makes a .venv, "
            "side A uses that.",
        ),
    ] = None,
    pairs: Annotated[
        int | None,
        number_options.whole(
            "--pairs",
            low=2,
            high=1000,
            help="Pairs of processes to measure. Default: 8, or 5 of pytest.",
        ),
    ] = None,
    # an option of its own, so that a mistake names the option that was typed
    blocks: Annotated[
        int | None,
        number_options.whole("--blocks", low=2, high=1000, help="Another name of --pairs."),
    ] = None,
    same: Annotated[
        bool,
        typer.Option(
            "--same",
            help="Compare one command with itself, to see the smallest difference that this "
            "machine can show. The scatter between runs is kept (.energybench) for gates on one "
            "saved run.",
        ),
    ] = False,
    fail: Annotated[
        str | None,
        typer.Option(
            "--fail", help="End with 1 if B uses more energy than A by more than this: 5%."
        ),
    ] = None,
    seed: options.OrderSeed = SEED,
    settle: options.Settle = SETTLE_S,
    idle: options.Idle = 0.0,
    boundary: options.Boundary = "compute",
    margin: options.Margin = 0.05,
    out: options.Out = options.STORE,
    collector: options.Collector = None,
    root: options.Root = Path("/"),
    json: options.Json = False,
) -> None:
    """Compare two commands in turns, as pairs of processes: A ::: B.

    Each process is one repeat. Drift and the sensors' gain affect both commands alike and cancel.
    A rehearsal comes first, and says how long the pairs will take. Ends with 0, or with the first
    non-zero exit code of a command. With --fail, a regression is measured once more, and ends with
    1 if both agree.

    With --baseline, A is the command at a git revision and B the command here. If the command is
    pytest, each of its energy tests gets a verdict; tests that fail keep pytest's exit code.
    """
    from energybench.gating.pytest_pairs import is_pytest
    from energybench.gating.threshold import threshold_rel
    from energybench.measuring.alternating import split_commands

    if pairs is not None and blocks is not None:
        raise BadInput("--blocks", "is another name of --pairs", "state one of them")
    wish = Wish(
        baseline=baseline,
        setup=setup,
        same=same,
        pairs=blocks if pairs is None else pairs,
        threshold=None if fail is None else threshold_rel(fail, "--fail"),
        seed=seed,
        settle_s=settle,
        idle_s=idle,
        boundary=common.boundary(boundary),
        margin=margin,
        out=out,
        collectors=tuple(collector or ()),
        root=common.folder(root),
        json=json,
    )
    words = list(commands or ())
    check_baseline(wish, words)
    if same and (":::" in words or not words):
        raise BadInput("--same", "takes one command", "energybench ab --same -- COMMAND")
    if (same or baseline is not None) and is_pytest(words):
        from energybench.cli.ab_tests import compare_tests

        check_options_of_tests(context)
        raise typer.Exit(compare_tests(wish, words))
    if baseline is not None:
        raise typer.Exit(_against_revision(wish, words))
    pair = (tuple(words), tuple(words)) if same else split_commands(words)
    with Signals(pass_on=True) as signals:
        turns = [
            _turn(wish, name, command) for name, command in zip(_names(pair), pair, strict=True)
        ]
        code = _compared(wish, turns, signals)
    raise typer.Exit(code)


def _against_revision(wish: Wish, words: Sequence[str]) -> int:
    """The command at a revision against the command here: the exit code."""
    from energybench.cli.ab_sides import two_sides

    with Signals(pass_on=True) as signals, two_sides(wish, words, signals) as sides:
        if signals.received is not None:
            return 128 + signals.received
        program = Path(words[0]).name
        turns = [_turn_of_side(wish, f"{program} at {side.name}", side) for side in sides]
        return _compared(wish, turns, signals)


def _turn_of_side(wish: Wish, label: str, side: Side) -> Turn:
    """Both sides start in the same way, so that neither pays more for its start."""
    turn = _turn(wish, label, side.argv)
    return replace(turn, argv=side.command, folder=side.folder)


def _turn(wish: Wish, label: str, command: tuple[str, ...]) -> Turn:
    # late: signals are blocked by now
    from energybench.measuring.alternating import Turn

    plan = Plan(
        store=wish.out,
        label=label,
        boundary=wish.boundary,
        idle_s=wish.idle_s,
        command=command,
        collectors=wish.collectors,
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        device_order=os.environ.get("CUDA_DEVICE_ORDER"),
        root=wish.root,
        repeats=wish.blocks,
    )
    return Turn(argv=command, plan=plan)


def _names(pair: tuple[tuple[str, ...], tuple[str, ...]]) -> list[str]:
    """A name for each command: its program, or A and B if these are the same."""
    names = [Path(command[0]).name for command in pair]
    return [f"A {names[0]}", f"B {names[1]}"] if names[0] == names[1] else names


def _compared(wish: Wish, turns: Sequence[Turn], signals: Signals) -> int:
    """Measure and show: the exit code."""
    measured = _measured(wish, turns, signals)
    comparison = _comparison(measured, wish.margin)
    code = measured.code
    if comparison is None:
        return code or 2
    if wish.same and code == 0:
        _keep_scatter(measured)
    again = None
    if wish.threshold is not None and code == 0:
        last = replace(wish, threshold=None)  # the second measurement is followed by no third
        code, again = _gate(measured, wish.threshold, lambda: _measured(last, turns, signals))
    second = None if again is None else _comparison(again, wish.margin)
    if again is not None:
        code = code or again.code
    _show(comparison, second, wish.json)
    return code


def _measured(wish: Wish, turns: Sequence[Turn], signals: Signals) -> Alternated:
    """Both commands, measured."""
    # late: signals are blocked by now
    from energybench.measuring.alternating import Alternating

    stdout = sys.stderr.fileno() if wish.json else None
    done = Alternating(
        turns,
        wish.blocks,
        wish.seed,
        wish.settle_s,
        signals,
        stdout,
        common.steps,
        _announcement(wish),
    ).run()
    for directory in done.directories:
        common.say(f"energybench: {directory}")
    if not done.measurements:
        common.say(f"energybench: {brief(done.error or '', 1200)}")
        raise typer.Exit(done.code or OWN_FAILURE)
    return done


def _comparison(done: Alternated, margin: float) -> Comparison | None:
    """The comparison of the two; None: they cannot be compared, which stderr says."""
    from energybench.analysis.comparison.compare import compare
    from energybench.store.digests import with_digests

    first, second = done.measurements
    try:
        return with_digests(compare(first, second, margin), *done.directories)
    except BadInput as error:  # a command failed, or nothing was measured
        common.say(f"energybench: {error}")
        return None


def _keep_scatter(done: Alternated) -> None:
    """Keep the scatter between processes of one command, for comparisons with one saved run."""
    from energybench.gating.between_runs import from_same
    from energybench.gating.records import each_round, record

    sides = [each_round(record(measurement)) for measurement in done.measurements]
    scatter = from_same([[process for side in sides for process in side]])
    common.say(f"energybench: {gate_lines.kept_scatter(scatter)}")


def _gate(
    done: Alternated, threshold: float, again: Callable[[], Alternated]
) -> tuple[int, Alternated | None]:
    """The exit code of the gate, and the second measurement; None: there was none. A regression is
    measured once more, and fails only if both agree: a check that cries wolf is soon ignored.
    """
    from energybench.gating.compare import compare_blocks
    from energybench.gating.verdicts import confirm

    first, second = done.measurements
    verdict = compare_blocks(first, second, threshold)
    repeated = None
    if verdict.fails:
        common.say(f"energybench: {visible(verdict.line)}; measuring once more")
        repeated = again()
        first, second = repeated.measurements
        verdict = confirm(verdict, compare_blocks(first, second, threshold))
    common.say(f"energybench: {visible(verdict.line)}")
    return (1 if verdict.fails else 0), repeated


def _announcement(wish: Wish) -> Callable[[float], None]:
    """Tells how long the blocks will take, and how long with the second measurement of a gate."""

    def announce(seconds: float) -> None:
        line = f"energybench: the blocks will take about {gate_lines.duration(seconds)}"
        if wish.threshold is not None:
            line += f", and {gate_lines.duration(2 * seconds)} if --fail has to measure once more"
        common.say(line)

    return announce


def _show(first: Comparison, second: Comparison | None, json: bool) -> None:
    """Show the comparison, or both if the gate measured once more: JSON has the second, by which
    the gate decided.
    """
    from energybench.cli import doubt_lines, summary

    if json:
        common.print_json(second or first)
        return
    lines = [summary.comparison(first), *doubt_lines.explained(first.doubts)]
    if second is not None:
        lines = ["first measurement", *lines, "second measurement, by which --fail decided"]
        lines += [summary.comparison(second), *doubt_lines.explained(second.doubts)]
    print("\n".join(lines))
