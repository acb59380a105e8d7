"""`%load_ext energybench` in a notebook: `%%energy` measures a cell, `%energy` a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from energybench.api.blocks import measure

_LINE_LABEL = 60  # characters of a line used as the name of its run


class CellFailed(Exception):
    """The cell or line raised an error that IPython shows in a special way."""


def load_ipython_extension(ipython: Any) -> None:
    """Register the magic `energy`, called by `%load_ext energybench`."""

    def energy(line: str, cell: str | None = None) -> Any:
        """Measure a cell, whose label follows %%energy, or a line. Shows the result as a table.

        A cell or line that raises shows its own error and has no result, and the cells after it do
        not run. In Jupyter a cell with `await` outside of a function is refused.
        """
        if cell is not None and line.lstrip().startswith("-"):
            raise _usage_error(f"%%energy takes a label and no options: {line.strip()!r}")
        code = line if cell is None else cell
        if _awaits_in_a_running_loop(ipython, code):
            raise _usage_error(
                "%%energy cannot measure `await` outside of a function in Jupyter: write `async "
                'with energybench.measure("label"):` in the cell'
            )
        label = line.strip() if cell is not None else line.strip()[:_LINE_LABEL]
        block = measure(label or "cell")
        with block, _shown_once(ipython) as errors:
            outcome = ipython.run_cell(code, silent=False)
            failure = outcome.error_before_exec or outcome.error_in_exec
            if failure is not None:
                raise errors.to_raise(failure)  # ends "run all cells" here
        return block.result()

    ipython.register_magic_function(energy, magic_kind="line_cell", magic_name="energy")


def _usage_error(message: str) -> Exception:
    """An error that IPython shows as one line."""
    from IPython.core.error import UsageError

    error: Exception = UsageError(message)
    return error


def _awaits_in_a_running_loop(ipython: Any, code: str) -> bool:
    """Whether the code awaits outside of a function while the event loop runs, as in a Jupyter
    kernel: the code cannot be waited for then.
    """
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    try:
        transformed = ipython.transform_cell(code)
    except Exception:  # run_cell shows the error
        return False
    return bool(ipython.should_run_async(code, transformed_cell=transformed))


class _ShownError(NamedTuple):
    """An error that IPython was about to show, with the lines of its traceback."""

    kind: type[BaseException]
    error: BaseException
    lines: list[str]


class _Errors:
    """Errors of a cell, not yet shown.

    others  errors beside the failure of the cell
    """

    def __init__(self) -> None:
        self.others: list[_ShownError] = []

    def keep(self, kind: type[BaseException], error: BaseException, lines: list[str]) -> None:
        self.others.append(_ShownError(kind, error, lines))

    def to_raise(self, failure: BaseException) -> BaseException:
        """The error to raise out of the magic, so that IPython shows the failure there, like the
        failure of the cell alone.
        """
        lines = [line for shown in self.others if shown.error is failure for line in shown.lines]
        self.others = [shown for shown in self.others if shown.error is not failure]
        on_standard_error = not lines and isinstance(failure, BaseExceptionGroup)
        if isinstance(failure, SyntaxError) or on_standard_error:
            failure = CellFailed(str(failure))
        elif not lines:
            return failure
        failure._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
        return failure


@contextmanager
def _shown_once(ipython: Any) -> Iterator[_Errors]:
    """Keep the errors that IPython shows while a cell runs inside another cell: IPython shows the
    error of the inner cell again when the magic raises it. Errors shown by the cell itself are
    shown afterwards.
    """
    errors = _Errors()
    own = {name: vars(ipython).get(name) for name in ("_showtraceback", "show_usage_error")}
    ipython._showtraceback = errors.keep
    ipython.show_usage_error = lambda error: None
    try:
        yield errors
    finally:
        for name, value in own.items():
            if value is None:
                delattr(ipython, name)
            else:
                setattr(ipython, name, value)
        for shown in errors.others:
            ipython._showtraceback(*shown)
