"""A PDF from a template of `reports/templates` and its data, by typst. The same data give the same
bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from energybench.errors import BadInput, NotInstalled
from energybench.model import EMBEDDED_NAME
from energybench_reports.typesetting import page_data
from energybench_reports.typesetting.code_boxes import MOST, NAME, write_font
from energybench_reports.typesetting.fonts import FOLDER, missing

TEMPLATES = Path(__file__).parents[1] / "templates"
_LIBRARIES = ("altair", "typst", "vl-convert-python")  # of the drawing
_NAMED = 8  # characters without a glyph named in a note


def library_versions() -> tuple[str, ...]:
    """Names and versions of the drawing libraries, for the keywords of a PDF."""
    installed = []
    for name in _LIBRARIES:
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return tuple(installed)


def pdf(
    template: str, form: str, data: Mapping[str, Any], attachment: str, foreign: Sequence[str]
) -> bytes:
    """The PDF, with a document attached.

    template    file name below `reports/templates`
    form        first keyword of the PDF: the form of the document
    data        data for the template, as values of JSON
    attachment  JSON of the document
    foreign     texts of drawings, whose characters are looked up with the characters of the data

    Raises BadInput if typst is not installed, or cannot set the page.
    """
    try:
        import typst
    except ImportError:
        raise NotInstalled("typst") from None
    stated = {"keywords": [form, *library_versions()]}
    without = missing([*page_data.texts(data), *foreign])
    inputs = {
        **data,
        **stated,
        "boxes": NAME,
        "attachment": {"name": EMBEDDED_NAME, "text": attachment},
        "glyph_note": _glyph_note(without),
    }
    with tempfile.TemporaryDirectory(prefix="energybench-pdf-") as folder:
        fonts = [FOLDER]
        if without:
            write_font(Path(folder), without)
            fonts.append(Path(folder))
        try:
            # typst has no network and reads only the templates and these fonts
            rendered: bytes = typst.compile(
                TEMPLATES / template,
                root=TEMPLATES,
                font_paths=fonts,
                ignore_system_fonts=True,
                sys_inputs={"data": json.dumps(inputs, ensure_ascii=False, allow_nan=False)},
                format="pdf",
                timestamp=0,
            )
        except typst.TypstError as error:
            reason = getattr(error, "message", str(error))
            raise BadInput("the PDF", f"cannot be set: {reason}", "another format") from None
    return rendered


def _glyph_note(without: Sequence[str]) -> str:
    """'3 characters are …: U+4E2D, U+6587, U+1F50B.'; "" without such a character."""
    if not without:
        return ""
    codes = ", ".join(f"U+{ord(character):04X}" for character in without[:_NAMED])
    more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
    empty = "" if len(without) <= MOST else f" Beyond the first {MOST}, the boxes are empty."
    many = "1 character is" if len(without) == 1 else f"{len(without)} characters are"
    return (
        f"{many} not in the fonts of this file and drawn as a box with the code point: {codes}"
        f"{more}. The text can be selected and copied.{empty}"
    )
