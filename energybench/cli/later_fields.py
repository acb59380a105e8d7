"""Fields written by a later version: one line on stderr per command, not one per document."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from energybench.errors import UnknownFields
from energybench.foreign_text import visible


@contextmanager
def announced() -> Iterator[None]:
    """Collect the warnings about unknown fields, and print a single one when the command ends."""
    notes: list[UnknownFields] = []

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if isinstance(message, UnknownFields):
            notes.append(message)
        else:
            show_others(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownFields)
        # Numpy warns of overflows. Their results are not finite, and no noun takes them; the line
        # of our code that the warning names says nothing to a person.
        warnings.simplefilter("ignore", RuntimeWarning)
        show_others, warnings.showwarning = warnings.showwarning, show
        try:
            yield
        finally:
            if (note := UnknownFields.of_all(notes)) is not None:
                print(f"energybench: {visible(str(note))}", file=sys.stderr)
