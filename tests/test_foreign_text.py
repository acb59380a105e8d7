"""Text from files reaches a terminal as text: no line of its own, no command to the terminal."""

import base64

import pytest

from energybench.cli import doubt_lines
from energybench.foreign_text import displayed, shortened, unicode_text, visible
from energybench.model import Doubt, Image

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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\udce9", "caf\\xe9"),
        ("caf\udce9\n", "caf\\xe9"),
        ("\udcff\udcfe.txt", "\\xff\\xfe.txt"),
        ("half \ud800", "half \\ud800"),
        ("café", "café"),
    ],
)
def test_bytes_that_are_not_utf8_are_shown_as_they_are_stored(text: str, shown: str) -> None:
    """One form everywhere: on the terminal, in error lines and in the files of a run."""
    assert visible(text) == shown
    assert visible(unicode_text(text)) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_a_doubt_is_one_line(text: str) -> None:
    """Message, remedy and the results that the doubt is about."""
    doubt = Doubt(code="replayed", message=text, remedy=text).carried_from(text)
    (line,) = doubt_lines.doubts((doubt,))
    assert line.isprintable()


def test_a_long_text_states_its_length() -> None:
    """The beginning and the number of characters; a text of ordinary length stays whole."""
    assert shortened("a" * 10, 10) == "a" * 10
    assert shortened("a" * 1200, 10) == "aaaaaaaaaa… (1,200 characters)"
    assert len(visible("a" * 10**6)) < 5000


def test_a_noun_without_a_long_text_is_itself() -> None:
    """`displayed` changes only the texts that are too long."""
    short = Doubt(code="replayed", message="a", remedy="b", about=("c",))
    assert displayed(short) is short
    long = Doubt(code="replayed", message="a" * 5000, remedy="b", about=("c" * 5000,))
    assert displayed(long).message == shortened("a" * 5000)
    assert displayed(long).remedy == "b"
    assert displayed(long).about == (shortened("c" * 5000),)


def test_a_picture_is_not_a_text() -> None:
    """A picture of any size stays whole; the words beside it are shortened."""
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(5000)).decode()
    shown = displayed(Image(name="field", png=png, alt="a" * 5000))
    assert shown.png == png
    assert shown.alt == shortened("a" * 5000)
