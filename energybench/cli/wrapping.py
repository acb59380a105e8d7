"""Lines that fit a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap

_NARROWEST = 40  # columns: a narrower terminal breaks the lines by itself


def terminal_width() -> int | None:
    """Columns of the terminal behind stdout; None if stdout is a file or a pipe."""
    if not sys.stdout.isatty():
        return None
    return max(shutil.get_terminal_size().columns, _NARROWEST)


def wrapped(words: str, first: str, width: int | None) -> list[str]:
    """The words after `first`, in lines of at most `width` columns; later lines are indented as far
    as `first` reaches. Without a width, one line.
    """
    if width is None:
        return [first + words]
    return textwrap.wrap(
        words,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
