"""Code shared by several commands: checks of options, JSON output, progress on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import typer

from energybench.errors import BadInput, brief
from energybench.foreign_text import visible
from energybench.measuring.numpy_threads import import_numpy
from energybench.measuring.signals import Signals

if TYPE_CHECKING:
    from energybench.measuring.plan import Plan, Progress
    from energybench.model import Measurement

T = TypeVar("T")

_BOUNDARIES = ("compute", "device", "node-dc", "node-ac")
_SHOW_AFTER_S = 2.0


def boundary(name: str) -> Any:
    """The boundary of a name. Raises BadInput."""
    if name not in _BOUNDARIES:
        raise BadInput(f"--boundary {name}", "is not a boundary", ", ".join(_BOUNDARIES))
    return name


def folder(root: Path) -> Path:
    """The folder. Raises BadInput if the folder does not exist."""
    if not root.is_dir():
        raise BadInput(
            f"--root {root}", "is not a folder", "the folder that /sys, /proc and /dev lie in"
        )
    return root


def print_json(noun: Any) -> None:
    """Exactly one JSON document on stdout."""
    from energybench.store.run import pretty

    print_bytes(pretty(noun).encode())


def print_bytes(document: bytes) -> None:
    """A document in UTF-8 on stdout, whatever the terminal's encoding: a program will read it."""
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(document.decode("utf-8"))
    else:
        binary.write(document)


def replayed(replay: Path, plan: Plan) -> tuple[Path, Measurement, int]:
    """Directory, result and exit code of a replay: 1 if a check of the recording had failed."""
    from energybench.measuring.replaying import replay_run

    directory, result = replay_run(replay, plan)
    return directory, result, 1 if result.failed_checks else 0


def finish(directory: Path, result: Measurement, code: int, json: bool, stream: TextIO) -> NoReturn:
    """Show a measurement, as JSON on stdout or as text on the stream, and end."""
    from energybench.cli import doubt_lines, summary

    if json:
        print_json(result)
    else:
        lines = [summary.measurement(result), *doubt_lines.explained(result.doubts)]
        print("\n".join(lines), file=stream)
    say(f"  written to {directory}")
    raise typer.Exit(code)


def say(text: str) -> None:
    """Print a row on stderr, for the person. Foreign text in it cannot begin another row."""
    print(visible(text), file=sys.stderr)


def say_lines(text: str) -> None:
    """Print a text of several rows on stderr, and an empty row; the rows are safe to print."""
    print(text + "\n", file=sys.stderr)


def show(rows: Iterable[str]) -> None:
    """Print rows on stdout. Foreign text in a row cannot begin another row."""
    print("\n".join(map(visible, rows)))


def steps(text: str, fraction: float | None) -> None:
    """Show progress as plain lines, while a measured program uses the terminal. Nothing is
    shown if stderr is not a terminal.
    """
    if sys.stderr.isatty():
        say(f"energybench: {text}" + (f" ({fraction:.0%})" if fraction else ""))


@contextmanager
def progress() -> Iterator[Callable[[str, float | None], None]]:
    """A progress bar on stderr for work of more than two seconds; nothing if stderr is not
    a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda text, fraction: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("starting", total=None)
    begin_s, shown = time.monotonic(), False

    def update(text: str, fraction: float | None) -> None:
        nonlocal shown
        if not shown and time.monotonic() - begin_s > _SHOW_AFTER_S / 2:
            bar.start()
            shown = True
        bar.update(
            task,
            description=escape(visible(text)),
            total=1.0 if fraction is not None else None,
            completed=fraction or 0.0,
        )

    try:
        yield update
    finally:
        if shown:
            bar.stop()


def watched(name: str, run: Callable[[Signals, Progress], T]) -> tuple[T, bool]:
    """The result of `run` under a progress bar while signals are polled; whether a signal came.

    Work that failed is one line and exit code 1, or 128 + N after signal N.
    """
    with Signals() as signals:
        # late: signals are blocked before libraries start threads
        import_numpy()
        from energybench.measuring.child import WorkFailed

        try:
            with progress() as update:
                result = run(signals, update)
        except WorkFailed as error:
            say(f"energybench: {name}{brief(str(error), 1200)}")
            raise typer.Exit(128 + signals.received if signals.received else 1) from None
    return result, signals.received is not None
