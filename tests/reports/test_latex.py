"""LaTeX: documents that compile, whatever the labels say, and numbers for siunitx."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from energybench.model import Document, Estimate
from energybench_reports.latex import MAIN, Latex
from energybench_reports.latex_text import _COMMANDS, escape, value_and_interval
from energybench_reports.tables.row import Result, estimate, exact, limits
from tests.reports.foreign import LABELS, labelled
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES

ABOUT = Result("measurement", "id", "label")


def has_latex() -> bool:
    """Whether pdflatex is here, with the packages of the document."""
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    files = ("siunitx.sty", "booktabs.sty", "longtable.sty", "geometry.sty")
    return all(
        subprocess.run(["kpsewhich", file], capture_output=True).returncode == 0 for file in files
    )


needs_latex = pytest.mark.skipif(
    not has_latex(), reason="needs texlive-latex-recommended and texlive-science"
)


def pdf_text(document: Document, folder: Path) -> str:
    """The log of pdflatex over the document; fails if it does not compile."""
    for name, content in Latex().render(document).items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", MAIN],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "report.pdf").stat().st_size > 5000
    return done.stdout


@needs_latex
@pytest.mark.parametrize("sample", SAMPLES)
def test_compiles(sample: str, tmp_path: Path) -> None:
    """The main file with its tables, of every sample, hostile text included."""
    pdf_text(SAMPLES[sample](), tmp_path)


@needs_latex
def test_compiles_with_every_foreign_label(tmp_path: Path) -> None:
    """All labels in one document, each as the label of a run; nothing but the tables is read."""
    runs = tuple(msgspec.structs.replace(cpu_node(), label=label) for label in LABELS.values())
    log = pdf_text(
        Document(title="all labels", results=runs, notes=tuple(LABELS.values())), tmp_path
    )
    assert "passwd" not in "".join(re.findall(r"\(([^\s()]+)", log))


@needs_latex
def test_compiles_with_every_character_that_has_a_command(tmp_path: Path) -> None:
    """Each command of the table, and every letter of Latin-1 and Latin Extended-A."""
    letters = "".join(chr(code) for code in range(0xA1, 0x180))
    text = " ".join([*_COMMANDS, *(letters[i : i + 8] for i in range(0, len(letters), 8))])
    notes = tuple(text[i : i + 100] for i in range(0, len(text), 100))
    pdf_text(Document(title="letters", results=(), notes=notes), tmp_path)


@needs_latex
def test_many_runs_go_over_several_pages(tmp_path: Path) -> None:
    """A table of more rows than a page holds is broken between pages."""
    runs = tuple(msgspec.structs.replace(cpu_node(), label=f"run {i}") for i in range(40))
    log = pdf_text(Document(title="many", results=runs), tmp_path)
    pages = int(re.findall(r"\((\d+) pages?,", log.replace("\n", ""))[0])
    assert pages > 2
    assert "Overfull \\vbox" not in log


# Commands around the stamps above a table.
STAMPED = {"footnotesize", "noindent", "par", "smallskip"}


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
@pytest.mark.parametrize("sample", ["comparison", "study", "claims"])
def test_foreign_text_starts_no_command(sample: str, label: str) -> None:
    """The files are ASCII, have the commands of the plain document and those of escapes alone, and
    as many rows and columns.
    """
    files, plain = Latex().render(labelled(sample, label)), Latex().render(SAMPLES[sample]())
    assert files.keys() == plain.keys()
    escapes = {command.strip("{}\\") for command in _COMMANDS.values()}
    for name, content in files.items():
        text, before = content.decode("ascii"), plain[name].decode("ascii")
        commands = set(re.findall(r"\\([a-zA-Z]+)", text))
        allowed = set(re.findall(r"\\([a-zA-Z]+)", before)) | escapes
        # another title of a ratio gives its comparison a stamp
        allowed |= {"energybenchchar", "allowbreak", "symbol"} | STAMPED
        assert commands <= allowed, name
        for pattern in (r"(?<!\\)&", r"\\\\$", r"\\input\{", r"\\(num|qty)\{"):
            counts = [len(re.findall(pattern, page, re.MULTILINE)) for page in (text, before)]
            assert counts[0] == counts[1], (name, pattern)
        body = [row for row in text.splitlines() if not row.startswith(("%", "\\providecommand"))]
        assert not any(re.search(r"(?<!\\)[%#$]", row) for row in body), name


def test_escapes_what_tex_obeys() -> None:
    """Commands, mathematics, comments, ligatures and the options of a row's end."""
    assert escape(r"\input{a} $x$ 5% #1 a_b") == (
        r"\textbackslash{}input\{a\} \$x\$ 5\% \#1 a\_\allowbreak{}b"
    )
    assert escape("--out [a] *") == "-{}-{}out {[}a{]} {*}"
    assert escape("é ß 中") == r"\'{e} \ss{} \energybenchchar{4E2D}"
    assert escape("x" * 15) == r"xxxxxxxxxx\allowbreak{}xxxxx"
    assert escape("x" * 14) == "x" * 14


def test_numbers_are_those_of_siunitx() -> None:
    """Value and interval to the same digit, prefix and unit as commands, asymmetry kept."""
    number = Estimate(value=58420.0, low=56176.7, high=61663.3)
    assert value_and_interval(estimate(ABOUT, "energy", number, "J")) == (
        r"\qty{58.4}{\kilo\joule}",
        r"{[}\num{56.2}, \num{61.7}{]}",
    )
    assert value_and_interval(exact(ABOUT, "nodes", 4)) == (r"\num{4}", "exact")
    assert value_and_interval(estimate(ABOUT, "energy", None, "J")) == ("not measured", "")
    money = Estimate(value=4e6, low=3e6, high=5e6)
    assert value_and_interval(estimate(ABOUT, "cost", money, "USD"))[0] == r"\num{4000000}~USD"


def test_a_lost_sensor_is_not_measured() -> None:
    """The table says so; no 0 stands in its place."""
    page = Latex().render(SAMPLES["partial"]())["runs.tex"].decode()
    assert "& energy & not measured &  &" in page


def test_a_doubt_that_a_comparison_carries_stands_once() -> None:
    """Doubts of a run and of the comparison that carries them are one item, with one heading."""
    main = Latex().render(SAMPLES["comparison"]())[MAIN].decode()
    items = re.findall(r"\\item \\textbf\{.*", main)
    assert items
    remedies = [item.partition("Remedy: ")[2] + item.partition("}")[0] for item in items]
    assert len(set(remedies)) == len(items)
    assert r"\textasciigrave" not in main
    assert r"\texttt{energybench" in main


def test_a_range_is_not_set_as_an_interval() -> None:
    """Stated ranges have the scenario's digits, and figures over unknowns no value of their own."""
    stated = limits(ABOUT, "input", (0.9, 0.96), "", value=0.93)
    assert value_and_interval(stated) == (r"\num{0.93}", r"stated: \num{0.9} to \num{0.96}")
    solved = limits(ABOUT, "claim_derived", (846.0, 1488.2), "W", value=1027.0)
    assert value_and_interval(solved) == ("", r"\num{846} to \qty{1488}{\watt}, all solutions")
    fixed = limits(ABOUT, "claim_derived", (16.799991, 16.800009), "", value=16.8)
    assert value_and_interval(fixed) == (r"\num{16.8}", "all solutions")
