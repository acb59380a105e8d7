"""Plain text for a terminal of 100 columns and for a log."""

from __future__ import annotations

import unicodedata

import pytest
from rich.cells import cell_len

from energybench_reports.terminal import WIDTH, Terminal
from energybench_reports.view.document import build
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
