"""Plain text for a terminal of 100 columns and for a log."""

from __future__ import annotations

import io
import unicodedata

import pytest
from rich.cells import cell_len
from rich.console import Console

from energybench_reports.terminal import WIDTH, Terminal, _grid
from energybench_reports.view.document import build
from energybench_reports.view.layout import Table
from energybench_reports.view.wording import TableCell
from tests.reports.samples import SAMPLES


@pytest.mark.parametrize("sample", SAMPLES)
def test_fits_the_width_and_controls_nothing(sample: str) -> None:
    """No line is wider than 100 columns, and no character of a label controls the terminal."""
    text = Terminal().render(SAMPLES[sample]()).decode()
    assert max(cell_len(line) for line in text.split("\n")) <= WIDTH
    assert {
        character for character in text if unicodedata.category(character) in ("Cc", "Co", "Cs")
    } == {"\n"}


@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_is_cut_off(sample: str) -> None:
    """Every character of every cell is printed, in narrow columns too: a truncated number would be
    wrong.
    """
    view = build(SAMPLES[sample](), detail=False)
    for section in view.sections:
        if section.detail or section.brief:
            continue
        text = "".join(Terminal().render(SAMPLES[sample]()).decode().split())
        for table in section.tables:
            for row in table.rows:
                for cell in row:
                    for word in cell.text.split():
                        assert word in text or len(word) > 12, word


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_brief_section_says_its_lines(sample: str) -> None:
    """Every word of a brief section is printed."""
    text = " ".join(Terminal().render(SAMPLES[sample]()).decode().split())
    for section in build(SAMPLES[sample]()).sections:
        for line in section.brief:
            assert "".join(line.split()) in "".join(text.split())


def wide(columns: int) -> Table:
    """Many columns of large figures with intervals, and one of long words."""
    figures = [
        TableCell(f"{column + 1}\u202f290\u202f000 USD", note="[-4\u202f800, 10\u202f700]")
        for column in range(columns)
    ]
    name = TableCell("energy-weighted, location-based", note="of a scenario")
    return Table("Wide", ("what", *map("column {}".format, range(columns))), ((name, *figures),))


@pytest.mark.parametrize("columns", range(1, 12))
def test_neither_a_figure_nor_a_word_breaks_in_the_middle(columns: int) -> None:
    """However many columns a table has."""
    page = io.StringIO()
    console = Console(file=page, width=WIDTH, color_system=None, markup=False, _environ={})
    _grid(console, wide(columns))
    text = page.getvalue().replace("\ue000", "\u202f").replace("\ue001", " ")
    assert text.count("[-4\u202f800, 10\u202f700]") == columns
    for column in range(columns):
        assert f"{column + 1}\u202f290\u202f000" in text
    assert "energy-weighted" in text
    assert "location-based" in text
    assert max(cell_len(line) for line in text.split("\n")) <= WIDTH


def test_intervals_are_not_broken() -> None:
    """An interval stays on a line, thousands included."""
    text = Terminal().render(SAMPLES["claims"]()).decode()
    assert "[2\u202f900\u202f000, 5\u202f400\u202f000]" in text


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Width and colours of the terminal do not change a byte."""
    before = Terminal().render(SAMPLES["comparison"]())
    for name, value in (
        ("COLUMNS", "40"),
        ("FORCE_COLOR", "1"),
        ("TERM", "dumb"),
        ("NO_COLOR", ""),
        ("JUPYTER_COLUMNS", "30"),
    ):
        monkeypatch.setenv(name, value)
    assert Terminal().render(SAMPLES["comparison"]()) == before
