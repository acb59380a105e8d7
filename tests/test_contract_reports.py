"""The promises of every registered report, built-in or not: a report is pure, renders every
document, lets no control character of foreign text through, and costs nothing until it renders.
"""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.model import Document, Image
from energybench.plugins import Report, load, registered
from tests.reports.samples import SAMPLES

NAMES = list(registered("reports"))

# Characters that change the direction of text, so that a file or a command reads as another one
# (Unicode Standard Annex 9; Boucher and Anderson, USENIX Security 2023, "Trojan Source").
DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
FOREIGN = " \x1b[31mred \x07 \x00 \r \x7f \x9b1m \u202egnp.exe \u2066 \u200f \u061c=1+1"


def test_the_built_in_formats_are_registered() -> None:
    """The four built-in formats are registered in the same way as the formats of a plugin."""
    assert {"html", "json", "markdown", "terminal"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_has_name_and_suffix(name: str) -> None:
    """A report has the name of its entry point, and a suffix for its files that begins with a
    dot.
    """
    report = load("reports", name)
    assert isinstance(report, Report)
    assert report.name == name
    assert report.suffix.startswith(".")
    assert len(report.suffix) > 1


def rendered(name: str, document: Document) -> bytes:
    """The bytes of a report; skips the test if a library for this format is not installed."""
    try:
        content = load("reports", name).render(document)
    except BadInput as error:
        pytest.skip(str(error))
    assert isinstance(content, bytes)
    return content


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", NAMES)
def test_renders_every_document_and_is_pure(name: str, sample: str) -> None:
    """Equal documents give the same bytes, from one instance of the report and from a second."""
    first = rendered(name, SAMPLES[sample]())
    assert first
    report = load("reports", name)
    assert report.render(SAMPLES[sample]()) == first
    assert report.render(SAMPLES[sample]()) == first


def hostile(value: Any, kind: Any) -> Any:
    """A copy of a noun in which FOREIGN stands behind every text that is not from a closed list.

    kind  type of the value, as the model declares it
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if isinstance(value, str):
        return value + FOREIGN if str in kinds else value
    if isinstance(value, msgspec.Struct):
        changes = {
            name: hostile(getattr(value, name), field)
            for name, field in get_type_hints(type(value)).items()
            # a picture has to stay a picture
            if (type(value), name) != (Image, "png")
        }
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, dict):
        [(of_key, of_value)] = [get_args(entry) for entry in kinds if get_origin(entry) is dict]
        return {hostile(key, of_key): hostile(item, of_value) for key, item in value.items()}
    if isinstance(value, tuple):
        [items] = [get_args(entry) for entry in kinds if get_origin(entry) is tuple]
        if items[-1] is Ellipsis:
            items = (items[0],) * len(value)
        return tuple(map(hostile, value, items))
    return value


@pytest.mark.parametrize("sample", ["comparison", "estimated", "study", "training"])
@pytest.mark.parametrize("name", NAMES)
def test_no_control_character_of_foreign_text_gets_through(name: str, sample: str) -> None:
    """Labels, hosts, devices, messages, settings and notes come from outside. No such text moves
    the cursor, rings the bell or turns the direction of writing round; only line ends and
    tabulators stand in a report. A format may escape the characters, as JSON does.
    """
    document = hostile(SAMPLES[sample](), Document)
    assert FOREIGN in document.title
    text = rendered(name, document).decode()
    raw = {
        character
        for character in text
        if character in DIRECTION
        or (unicodedata.category(character) == "Cc" and character not in "\n\t")
    }
    assert raw == set(), [text[max(0, text.index(c) - 60) : text.index(c) + 20] for c in raw]


@pytest.mark.parametrize("name", NAMES)
def test_loading_imports_no_charting_library(name: str) -> None:
    """Listing the reports stays quick: altair and vl-convert are imported by `render`, never
    together with the module of the report.
    """
    code = (
        f"import sys; from energybench.plugins import load; load('reports', {name!r}); "
        f"print({{'altair', 'vl_convert', 'pandas'}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=True
    )
    assert done.stdout == "set()\n"
