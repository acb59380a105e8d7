"""What every registered report promises, built-in or not: it is pure, shows every document, lets no
control character of foreign text through, and costs nothing until it renders.
"""

from __future__ import annotations

import subprocess
import sys
import typing
import unicodedata
from typing import Any

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.model import Document
from energybench.plugins import Report, load, registered
from tests.reports.samples import SAMPLES

NAMES = list(registered("reports"))

# A terminal's escape sequence, bell, NUL, carriage return, delete, a C1 control, and the marks that
# override, embed, isolate or hint at the direction of text.
HOSTILE = (
    "\x1b[31m\x07\x00\r\x0b\x7f\x9b"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)
# Samples that fill every kind of result between them.
FULL = ("comparison", "claims", "partial", "hostile", "study", "training")
# Texts that are data of another format.
OPAQUE = ("png", "created_utc")


def test_the_built_in_formats_are_registered() -> None:
    """The four formats come in by the same door as anyone's."""
    assert {"html", "json", "markdown", "terminal"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_has_name_and_suffix(name: str) -> None:
    """The report has the name it is registered under, and its files end in a suffix with a dot."""
    report = load("reports", name)
    assert isinstance(report, Report)
    assert report.name == name
    assert report.suffix.startswith(".")
    assert len(report.suffix) > 1


def rendered(name: str, document: Document) -> bytes:
    """The document in one format; skips the test if a library of the format is not installed."""
    try:
        content = load("reports", name).render(document)
    except BadInput as error:
        pytest.skip(str(error))
    assert isinstance(content, bytes)
    assert content
    return content


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", NAMES)
def test_renders_every_document_and_is_pure(name: str, sample: str) -> None:
    """The same document gives the same bytes, from one instance, from another, and from an equal
    document made anew.
    """
    report = load("reports", name)
    content = rendered(name, SAMPLES[sample]())
    assert report.render(SAMPLES[sample]()) == content
    assert report.render(SAMPLES[sample]()) == content


def poisoned(noun: Any) -> Any:
    """The noun with control and direction-changing characters inside every text that may be
    foreign: in each field, dictionary and sequence, but not in fields with a closed list of words.
    """
    hints = typing.get_type_hints(type(noun))
    changes = {
        name: _poisoned(getattr(noun, name), hints[name])
        for name in noun.__struct_fields__
        if name not in OPAQUE
    }
    return msgspec.structs.replace(noun, **changes)


def _poisoned(value: Any, hint: Any) -> Any:
    if isinstance(value, str):
        return value if _closed(hint) else f"{value[:2]}{HOSTILE}{value[2:]}"
    if isinstance(value, msgspec.Struct):
        return poisoned(value)
    if isinstance(value, tuple):
        return tuple(_poisoned(item, hint) for item in value)
    if isinstance(value, dict):
        key_hint = next((arg for arg in typing.get_args(hint) if _closed(arg)), str)
        return {_poisoned(key, key_hint): _poisoned(item, str) for key, item in value.items()}
    return value


def _closed(hint: Any) -> bool:
    """Whether a type contains a closed list of words."""
    if typing.get_origin(hint) is typing.Literal:
        return True
    return any(_closed(argument) for argument in typing.get_args(hint))


def forbidden(text: str) -> set[str]:
    """Control characters apart from line ends and tabs, and marks of text direction."""
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return {
        character
        for character in text
        if (unicodedata.category(character) == "Cc" and character not in "\n\t")
        or unicodedata.bidirectional(character) in directions
        or character in "\u061c\u200e\u200f"
    }


@pytest.mark.parametrize("sample", FULL)
@pytest.mark.parametrize("name", NAMES)
def test_lets_no_control_character_of_foreign_text_through(name: str, sample: str) -> None:
    """Labels, names of hosts and devices, messages and notes may contain anything. A report shows
    no control character and no mark of text direction of foreign text; a format may escape both.
    """
    text = rendered(name, poisoned(SAMPLES[sample]())).decode("utf-8")
    assert {hex(ord(character)) for character in forbidden(text)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_loading_imports_no_charting_library(name: str) -> None:
    """Listing the reports stays quick: altair and vl-convert are imported by render, never by
    import.
    """
    code = (
        f"import sys; from energybench.plugins import load; load('reports', {name!r}); "
        f"print({{'altair', 'vl_convert', 'pandas'}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"
