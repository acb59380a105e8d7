"""Tables of a submission: equal parts without a gap, and no cell that a spreadsheet computes."""

from __future__ import annotations

import itertools

import pytest

from energybench.model import Window
from energybench.store.submitted_series import _csv, equal_parts


@pytest.mark.parametrize("count", [10, 11, 60])
def test_parts_are_equal_and_leave_no_gap(count: int) -> None:
    window = Window(label="repeat", start_s=3.3, end_s=64.0)
    parts = equal_parts(window, count)
    assert len(parts) == count
    assert parts[0].start_s == window.start_s
    assert parts[-1].end_s == window.end_s
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(parts))
    lengths = [part.duration_s for part in parts]
    assert max(lengths) - min(lengths) < 1e-9


def test_foreign_texts_are_text() -> None:
    """A device may be called as a formula, or hold a line break; a number that is missing is an
    empty cell.
    """
    table = _csv(("a", "b", "c"), [("=1+1", "two\nlines", None), ("plain", "\u202eturned", -1.5)])
    lines = table.decode().split("\r\n")
    assert lines[1] == "'=1+1,two lines,"
    assert lines[2].endswith(",-1.5")
    assert "\u202e" not in lines[2]
