"""A folder with results of every kind, and `report` in it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.process import REPLAYS, Ran, in_process, one_line
from tests.store.test_publication_file import png

FORMATS = ("html", "json", "markdown", "terminal")
DATE = ("--date", "2026-11-29")
HOSTILE = (
    "two\nlines <script>alert(1)</script>",
    '=cmd("calc")',
    "脚注 с примечанием",
    "\u202eright to left\u202c أمر",
    "x" * 500,
    "| table | `code` **bold** $x$ \\input{x} #import",
)


def results_of_every_kind(folder: Path) -> Path:
    """Two replayed runs, their comparison, a grade, a publication, and a document of them all."""
    for name in ("cpu", "gpu"):
        replay = str(REPLAYS / f"{name}-node.toml")
        assert in_process("measure", "--replay", replay, "--label", name, cwd=folder).code == 0
    (folder / "cmp.json").write_text(in_process("compare", "cpu", "gpu", "--json", cwd=folder).out)
    graded = in_process("grade", "gpu", "--machine-nodes", "1792", "--json", cwd=folder)
    (folder / "grade.json").write_text(graded.out)
    (folder / "logo.png").write_bytes(png())
    footnotes = ", ".join(json.dumps(footnote) for footnote in HOSTILE)
    (folder / "pub.toml").write_text(
        'schema = "energybench-publication/1"\ntitle = "A publication"\npublisher = "Example"\n'
        f'logo = "logo.png"\ntested = 2026-11-12\nfootnotes = [{footnotes}]\npaper = "letter"\n',
        "utf-8",
    )
    written = report(
        folder, "results", "cmp.json", "grade.json", "--publication", "pub.toml", "--note", "a note"
    )
    (folder / "doc.json").write_text(written.out, "utf-8")
    return folder


def report(folder: Path, *words: str, form: str = "json", date: tuple[str, ...] = DATE) -> Ran:
    ran = in_process("report", *words, "--format", form, *date, cwd=folder)
    assert ran.code == 0, ran.err
    return ran


def refused(folder: Path, *words: str) -> str:
    return one_line(in_process("report", *words, cwd=folder))
