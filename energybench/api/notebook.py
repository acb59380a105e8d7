"""`%load_ext energybench` in a notebook: `%%energy` measures a cell, `%energy` a line."""

from __future__ import annotations

from typing import Any

from energybench.api.blocks import measure

_LINE_LABEL = 60  # characters of a line that name its run


class CellFailed(Exception):
    """The cell or line raised a SyntaxError, which was shown."""


def load_ipython_extension(ipython: Any) -> None:
    """Register the magic `energy`, called by `%load_ext energybench`."""

    def energy(line: str, cell: str | None = None) -> Any:
        """Measure a cell, whose label follows %%energy, or a line. Shows the result as a table.

        A cell or line that raises shows its own error and has no result, and the cells after it do
        not run.
        """
        if cell is not None and line.lstrip().startswith("-"):
            from IPython.core.error import UsageError  # shown as one line

            raise UsageError(f"%%energy takes a label and no options: {line.strip()!r}")
        code = line if cell is None else cell
        label = line.strip() if cell is not None else line.strip()[:_LINE_LABEL]
        block = measure(label or "cell")
        with block:
            outcome = ipython.run_cell(code, silent=False)
            failure = outcome.error_before_exec or outcome.error_in_exec
            if failure is not None:
                # raised, so that "run all cells" ends here, and not shown a second time
                if isinstance(failure, SyntaxError):  # which IPython shows in any case
                    failure = CellFailed(str(failure))
                failure._render_traceback_ = list
                raise failure
        return block.result()

    ipython.register_magic_function(energy, magic_kind="line_cell", magic_name="energy")
