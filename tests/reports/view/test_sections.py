"""Sections of every format: what would shrink an interval, rule books, machine state, channels."""

from __future__ import annotations

import msgspec
import pytest

from energybench.model import (
    Boundary,
    Comparison,
    Document,
)
from energybench_reports.charts.theme import COLOURS
from energybench_reports.view.document import build
from energybench_reports.view.layout import Section
from energybench_reports.view.machine_state import age_days
from energybench_reports.view.wording import TableCell
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared
from tests.reports.samples import SAMPLES


def changed(noun: Comparison, **fields: object) -> Comparison:
    return msgspec.structs.replace(noun, **fields)


def section(document: Document, key: str, *, detail: bool = True) -> Section:
    return next(part for part in build(document, detail=detail).sections if part.key == key)


def test_the_boards_of_a_node_are_one_figure() -> None:
    """Energy and mean power of four boards together; of a job, of a node."""
    (table,) = section(SAMPLES["comparison"](), "components").tables
    row = next(row for row in table.rows if row[0].text == "gpu.board")
    assert row[2].text == "9.68 kJ"
    assert row[2].note.endswith("4 devices together; mean 934 W")
    (job,) = section(SAMPLES["job"](), "components").tables
    measured = [row for row in job.rows if row[0].text in COLOURS]
    energies = [row[1].note for row in measured]
    assert energies
    assert all(" W a node" in note for note in energies)


def test_what_would_shrink_each_interval() -> None:
    """For a comparison and for every measurement: the effect that widens the interval most, the
    interval without the effect, and a remedy.
    """
    shrink = section(SAMPLES["comparison"](), "shrink")
    assert [table.title for table in shrink.tables] == [
        "energy ratio",
        "CPU node: energy, gross",
        "GPU node: energy, gross",
    ]
    assert shrink.tables[2].rows[0][0] == TableCell("gpu.board …: gain", "normal, 4 together")
    assert "calibrate --against" in shrink.tables[2].rows[0][4].text
    assert len(shrink.brief) == 3
    assert "69 % of the variance; without it ±2.9 % instead of ±4.7 %" in shrink.brief[2]


def test_every_run_is_graded_by_aspects() -> None:
    """The rule books stand once for all runs, and an estimate fails as an estimate."""
    grades = section(SAMPLES["estimated"](), "grade", detail=False)
    (table,) = grades.tables
    point = next(row for row in table.rows if row[1].text == "4 point and accuracy")
    assert point[2] == TableCell("fail", tone="bad")
    assert "no sensor: time x assumed power" in point[3].text
    assert len({(row[0].text, row[1].text) for row in table.rows}) == len(table.rows)
    assert len(grades.brief) == 4


def test_runs_that_are_judged_differently_are_named() -> None:
    """A cell names the runs of each judgement; many runs are counted."""
    wall = msgspec.structs.replace(
        cpu_node(), id="w", label="wall", boundary=Boundary(name="node-ac", parts=())
    )
    others = [msgspec.structs.replace(cpu_node(), id=str(i), label=f"node {i}") for i in range(5)]
    (table,) = section(Document(title="", results=(wall, *others)), "grade", detail=False).tables
    books = {row[0].text for row in table.rows}
    assert books == {"EE HPC WG", "MLPerf® Training power", "MLPerf® Inference power"}
    assert any("wall: " in row[3].text and "5 runs: " in row[3].text for row in table.rows)


def test_a_rule_book_carries_the_statement_of_its_owner() -> None:
    """Wherever the name stands: in the compact table, in the brief lines, and check by check; and
    the name has its mark at every use. Every page has one section of rule books.
    """
    for detail in (True, False):
        view = build(SAMPLES["comparison"](), detail=detail)
        (part,) = [part for part in view.sections if part.title.startswith("Rule books")]
        text = " ".join(table.about for table in part.tables)
        assert "not verified by MLCommons Association" in text
        words = " ".join(
            (text, *part.brief, *(c.line for t in part.tables for row in t.rows for c in row))
        )
        assert words.count("MLPerf") == words.count("MLPerf®") > 0
    assert "not verified by MLCommons" in " ".join(section(SAMPLES["comparison"](), "grade").brief)


def test_idle_phases_conditions_and_other_load() -> None:
    """Idle phases before and after; first and last temperature and clock, every throttle reason;
    programs of other people.
    """
    state = section(SAMPLES["comparison"](), "state")
    idle, conditions, others = state.tables
    assert [(row[1].text.split(",")[0], row[2].text, row[4].text) for row in idle.rows] == [
        ("before the work", "−43.0 s", "395 W"),
        ("after the work", "96.0 s", "401 W"),
    ]
    assert [cell.text for cell in conditions.rows[2][2:]] == [
        "43 → 65 °C",
        "1410 → 1395 MHz",
        "SW power cap",
    ]
    assert [cell.text for cell in others.rows[0][1:]] == [
        "backup-agent",
        "4411",
        "cpu",
        "0.8",
        "44.0 s",
    ]
    assert not [part for part in build(SAMPLES["estimated"]()).sections if part.key == "state"]


def test_channels_say_how_well_their_timing_is_known() -> None:
    """Prior, profile with its age when the run began, or inferred; with update period and averaging
    window.
    """
    table = section(SAMPLES["comparison"](), "channels").tables[0]
    at = table.head.index("timing")
    rows = {(row[0].text, row[2].text): row for row in table.rows}
    assert rows["CPU node", "cpu.dram"][at].text == "prior"
    assert rows["GPU node", "cpu.package"][at].text == "inferred"
    assert [cell.line for cell in rows["GPU node", "gpu.board"][at : at + 3]] == [
        "profile (12 days old)",
        "100.3 ms",
        "25 ms",
    ]


@pytest.mark.parametrize(
    ("calibrated", "began", "days"),
    [
        ("2026-02-18T08:00:00Z", "2026-02-19T08:00:00+00:00", 1.0),
        ("2026-02-18T08:00:00", "2026-02-18T07:00:00Z", -1 / 24),
        ("<script>", "2026-02-18T08:00:00Z", None),
        (None, "2026-02-18T08:00:00Z", None),
        ("2026-02-18T08:00:00Z", None, None),
    ],
)
def test_the_age_of_a_profile(
    calibrated: str | None, began: str | None, days: float | None
) -> None:
    """Age by the clock of the run; a text without a time has no age."""
    assert age_days(calibrated, began) == (pytest.approx(days) if days is not None else None)


def test_paired_runs_say_so() -> None:
    """A comparison of interleaved runs states the number of pairs; a comparison of separate runs
    does not mention pairs.
    """
    cpu, gpu = cpu_node(), gpu_node()
    view = build(Document(title="", results=(changed(compared(cpu, gpu), paired=9),)))
    assert ("analysed as", "9 pairs") in [(name, cell.text) for name, cell in view.answers[0].facts]
    assert (
        "Analysed as 9 pairs of interleaved runs."
        in next(part for part in view.sections if part.key == "ratios").tables[0].about
    )
    assert "analysed as" not in dict(
        build(Document(title="", results=(compared(cpu, gpu),))).answers[0].facts
    )
