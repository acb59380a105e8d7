"""Fields written by a later version: one line on stderr per command, not one per document."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from energybench.errors import UnknownFields
from energybench.foreign_text import visible
from energybench.store import unknown_fields


@contextmanager
def announced() -> Iterator[None]:
    """Collect the warnings about unknown fields, and print a single one when the command ends."""
    with unknown_fields.collected() as notes:
        # Numpy warns of overflows. Their results are not finite, and no noun takes them; the line
        # of our code that the warning names says nothing to a person.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            yield
        finally:
            if (note := UnknownFields.of_all(notes)) is not None:
                print(f"energybench: {visible(str(note))}", file=sys.stderr)
