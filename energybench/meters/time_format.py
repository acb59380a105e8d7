"""A person's format of times (--time-format), in the directives of Python's strptime."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

from energybench.errors import BadInput

# Python, library reference, "strftime() and strptime() Format Codes": directives that strptime
# reads
_READ = frozenset("aAwdbBmyYHIMSfpzZjUWcxXGuV%")
_OPTION, _EXAMPLE = "--time-format", "for example %Y-%m-%d %H:%M:%S.%f (Python's strptime)"


def check(layout: str) -> None:
    """Raises BadInput for a format that strptime cannot read."""
    where = f"{_OPTION} {layout}"
    directives = re.findall(r"%(.?)", layout, re.DOTALL)
    for directive in directives:
        if directive not in _READ or not directive:
            raise BadInput(where, f"%{directive} is not a directive of a time", _EXAMPLE)
    for directive, count in Counter(directives).items():
        if count > 1 and directive != "%":
            raise BadInput(where, f"names %{directive} {count} times", _EXAMPLE)
    try:
        datetime.strptime("", layout)
    except re.error:
        # %c, %x and %X stand for several directives
        raise BadInput(where, "names a part of the time twice", _EXAMPLE) from None
    except ValueError:
        return  # the empty text does not fit, as expected


def moment(text: str, layout: str) -> datetime | None:
    """The moment that a text states in a checked format; None: the text has another format."""
    try:
        return datetime.strptime(text, layout)
    except (ValueError, OverflowError):
        return None
