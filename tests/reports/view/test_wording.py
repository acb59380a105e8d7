"""Words and numbers: a missing measurement is called so, and foreign text is cleaned before any
format uses the text.
"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.model import Estimate, Part, Work
from energybench.units import show
from energybench_reports.view.wording import (
    TableCell,
    amount,
    bare,
    component_words,
    known,
    listed,
    percent,
    plain,
    published,
    signed,
    value,
    watts,
)


def test_none_is_never_a_number() -> None:
    """The cell of a value that was not measured has no digit."""
    for cell in (value(None, "J"), bare(None, "W"), known(None), known("")):
        assert not any(character.isdigit() for character in cell.line)
    assert value(None, "J").text == "not measured"


def test_a_value_has_its_interval() -> None:
    """The interval stands beside the value, in the unit of the value."""
    assert value(Estimate(value=12_345.0, low=12_100.0, high=12_600.0), "J") == TableCell(
        "12.35 kJ", "[12.10, 12.60]"
    )
    assert value(Estimate(value=2.0, low=2.0, high=2.0), "h") == TableCell("2 h", "")
    assert (
        value(Estimate(value=5.0, low=4.5, high=5.5), "J", per="token").text == "5.00 J per token"
    )


@pytest.mark.parametrize(
    ("low", "value_", "high", "words"),
    [
        (0.61, 12.3, 29_000.0, "12 [0.61, 29\u202f000]"),
        (2e-9, 1.4, 3.1e30, "1.4 [2e-09, 3.1e+30]"),
        (0.0, 12.3, 4e6, "12 J [0, 4\u202f000\u202f000]"),
        (-40.0, -5.0, 30.0, "-5.0 W [-40, 30]"),
    ],
)
def test_a_huge_interval_leaves_the_value_its_digits(
    low: float, value_: float, high: float, words: str
) -> None:
    """Rounded to the digits of its half-width a ratio of 12 would read 0: value and edges keep two
    significant digits each.
    """
    unit = words.partition(" [")[0].partition(" ")[2]
    assert show(Estimate(value=value_, low=low, high=high), unit) == words


@given(st.text())
def test_plain_text_is_one_line_without_control(text: str) -> None:
    """No control character, no change of direction, no line break gets through, and a second
    cleaning changes nothing.
    """
    clean = plain(text)
    assert plain(clean) == clean
    assert not any(
        unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in clean
    )
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2028\u2029\n\r\t\x1b") & set(clean)


@pytest.mark.parametrize(
    ("claimed", "unit", "words"),
    [
        (588.0, "MWh", "588 MWh"),
        (9.8, "", "9.8"),
        (4e6, "USD", "4\u202f000\u202f000 USD"),
        (0.0, "", "0"),
        (1e20, "J", "1e+20 J"),
        (-2.5, "", "-2.5"),
        (14.692, "USD/h", "14.692 USD/h"),
        (369.473, "g/kWh", "369.5 g/kWh"),
        (0.43, "share", "43 %"),
        (0.615, "share", "61.5 %"),
    ],
)
def test_a_published_figure_keeps_its_digits(claimed: float, unit: str, words: str) -> None:
    """A claim is shown with the published digits; a converted figure has four."""
    assert published(claimed, unit) == words


def test_small_words() -> None:
    """Counts, lists, shares and signs in ordinary writing."""
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert percent(0.0062) == "0.62 %"
    assert percent(0.0) == "0 %"
    assert signed(-0.042) == "−0.0420"
    work = Work(amount=4096.0, unit="token", fingerprint="f", precision="equal-precision")
    assert amount(work) == "4096 × token"


def test_parts_that_the_work_did_not_use_are_named_so() -> None:
    """An unused accelerator is a separate component, and a range has only the stated ends."""
    board = Part(component="gpu.board", state="measured", used=False)
    assert board.reported_as == "gpu.board.unused"
    assert component_words("gpu.board.unused") == "gpu.board, unused"
    assert watts(board) == ""
    assert (
        watts(Part(component="network", state="missing", low_w=0.0, high_w=17.5)) == "0 to 17.5 W"
    )
    assert watts(Part(component="network", state="missing", high_w=17.5)) == "up to 17.5 W"
    assert watts(Part(component="network", state="missing")) == "range not stated"
