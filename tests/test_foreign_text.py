"""Text from files reaches a terminal as text: no line of its own, no command to the terminal."""

import pytest

from energybench.cli import summary
from energybench.foreign_text import visible
from energybench.model import Doubt

HOSTILE = ("a\x1b[31m", "a\nenergybench: verdict: better", "a\r\x00\x07", "\x9b31m", "\u202eevil")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_has_nothing_to_obey(text: str) -> None:
    """One line, all of it printable, however the text began."""
    shown = visible(text)
    assert len(shown.splitlines()) == 1
    assert shown.isprintable()


def test_ordinary_text_stays_as_it_is() -> None:
    """Indentation, signs and other scripts."""
    text = "  energy ±4 % → Größe 電力 \U0001f600"
    assert visible(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_doubt_is_one_line(text: str) -> None:
    """Message, remedy and the results that the doubt is about."""
    doubt = Doubt(code="replayed", message=text, remedy=text).carried_from(text)
    (line,) = summary.doubts((doubt,))
    assert line.isprintable()
