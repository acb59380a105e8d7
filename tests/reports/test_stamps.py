"""Stamps in the headline of every format: nobody takes a replay or a claim for a measurement."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from energybench.cli import projection_text, summary
from energybench.cli.grade import text as grade_text
from energybench.grading.rule_books import grade
from energybench.model import (
    Comparison,
    Document,
    Doubt,
    DoubtCode,
    Measurement,
    Projection,
    Stamp,
    Study,
    Verification,
)
from energybench_reports.boamps import BoAmps
from energybench_reports.codecarbon_report import CodeCarbon
from energybench_reports.csv_report import Csv
from energybench_reports.html import Html
from energybench_reports.json_report import Json
from energybench_reports.latex import MAIN, Latex
from energybench_reports.latex_text import escape as latex_escape
from energybench_reports.markdown import Markdown, escape
from energybench_reports.openmetrics import OpenMetrics
from energybench_reports.tables.table import table
from energybench_reports.terminal import Terminal
from energybench_reports.view import statement_facts as facts
from energybench_reports.view.comparison import answer, ratios, verdict_cell
from energybench_reports.view.layout import Table
from energybench_reports.view.questions import energy_answers
from energybench_reports.view.statement_sentence import Stated, long_sentence
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_odd import estimated
from tests.reports.sample_pair import compared
from tests.reports.sample_published import claims_2023
from tests.reports.sample_study import document as study_document

REPLAYED = "replayed from a recording, not measured here"
CLAIM = "claim, not a measurement"


def doubt(code: DoubtCode) -> Doubt:
    return Doubt(code=code, message="for a test", remedy="none")


def pair(*codes: DoubtCode, **changes: Any) -> Comparison:
    """The sample's comparison, with doubts of its candidate."""
    sample = compared(cpu_node(), gpu_node())
    carried = tuple(doubt(code).carried_from("GPU node") for code in codes)
    return msgspec.structs.replace(sample, doubts=(*sample.doubts, *carried), **changes)


def codes(result: Measurement | Comparison | Projection | Study) -> list[str]:
    return [stamp.code for stamp in result.stamps]


def text(report: Any, *results: Any) -> str:
    """The rendered report with all white space as single spaces."""
    page: str = report.render(Document(title="t", results=results)).decode()
    return " ".join(page.split())


def failed(run: Measurement) -> Measurement:
    """The run with a check that failed."""
    check = Verification(quantity="exit status", value=3.0, tolerance=0.0, passed=False)
    return msgspec.structs.replace(run, verification=(check,))


def cut(run: Measurement, *doubts: DoubtCode) -> Measurement:
    """The run, cut in its first repeat."""
    return msgspec.structs.replace(
        run, partial=True, repeats=run.repeats[:1], doubts=tuple(map(doubt, doubts))
    )


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (lambda: pair(), []),
        (lambda: failed(gpu_node()), ["failed-check"]),
        (lambda: cut(gpu_node()), ["part-of-a-repeat"]),
        (lambda: cut(failed(gpu_node())), ["failed-check", "part-of-a-repeat"]),
        (lambda: cut(gpu_node(), "signal-handled"), ["part-of-a-repeat"]),
        (lambda: pair("replayed"), ["replayed"]),
        (lambda: pair("time-x-assumed-power"), ["estimated"]),
        (lambda: pair(verdict=None), ["estimated"]),
        (lambda: pair(verdict=None, counted_once=False), []),
        (lambda: pair("forced-work", "forced-boundary"), ["forced"]),
        (lambda: pair(scatter_known=False, verdict="inconclusive"), ["single-repeat"]),
        (lambda: pair(scatter_known=False, verdict=None), ["estimated", "single-repeat"]),
        (lambda: gpu_node(), []),
        (lambda: msgspec.structs.replace(gpu_node(), doubts=(doubt("replayed"),)), ["replayed"]),
        (
            lambda: msgspec.structs.replace(gpu_node(), repeats=gpu_node().repeats[:1]),
            ["single-repeat"],
        ),
        (lambda: estimated().results[0], ["estimated"]),
        (lambda: estimated().results[2], ["estimated"]),
        (lambda: study_document().results[0], []),
    ],
)
def test_a_stamp_for_each_weakness_of_the_headline(
    result: Callable[[], Any], expected: list[str]
) -> None:
    """Stamps follow from fields and codes of doubts, those of the sides included."""
    assert codes(result()) == expected


def test_stamps_follow_from_the_fields_whatever_a_file_says() -> None:
    """A stamp cannot be edited away, added, or refused because a later version has more."""
    content = msgspec.to_builtins(pair("replayed"))
    for stated in ([], [{"code": "certified", "words": "certified"}]):
        read = msgspec.convert({**content, "stamps": stated}, Comparison)
        assert codes(read) == ["replayed"]
    without = msgspec.structs.replace(pair("replayed"), doubts=())
    assert without.stamps == ()


def test_a_published_claim_counts_its_assumptions() -> None:
    """A projection without a comparison is a claim, and says how many inputs are assumed."""
    claim = claims_2023()
    used = {entry.name: entry for line in claim.lines for entry in line.inputs if not entry.above}
    evidence = [entry.evidence for entry in used.values() if entry.evidence is not None]
    assert claim.solution is not None
    evidence += [unknown.evidence for unknown in claim.solution.unknowns]
    stamps = {stamp.code: stamp.words for stamp in claim.stamps}
    assert stamps["claim"] == CLAIM
    for kind in ("assumed", "inferred"):
        count = evidence.count(kind)  # type: ignore[arg-type]
        words = f"{count} of {len(evidence)} inputs {kind}" if count else None
        assert stamps.get(f"{kind}-inputs") == words


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ("measured", set()),
        ("replayed", {"replayed"}),
        ("estimated", {"estimated"}),
        ("partly-estimated", set()),  # a stamp needs the doubt that names the component
        ("seen", {"claim"}),
        ("assumed", {"claim", "assumed-inputs"}),
        ("inferred", {"claim", "inferred-inputs"}),
    ],
)
def test_the_evidence_of_inputs_decides(evidence: Any, expected: set[str]) -> None:
    """Of inputs that all have one evidence."""
    claim = claims_2023()
    lines = tuple(
        msgspec.structs.replace(
            line,
            inputs=tuple(msgspec.structs.replace(i, evidence=evidence) for i in line.inputs),
        )
        for line in claim.lines
    )
    assert claim.solution is not None
    unknowns = tuple(
        msgspec.structs.replace(unknown, evidence="seen") for unknown in claim.solution.unknowns
    )
    solution = msgspec.structs.replace(claim.solution, unknowns=unknowns)
    changed = msgspec.structs.replace(claim, lines=lines, solution=solution, doubts=())
    assert set(codes(changed)) == expected
    bare = msgspec.structs.replace(changed, claims=())
    assert ("stated-inputs" in codes(bare)) == (
        evidence not in ("measured", "replayed", "partly-estimated", "estimated")
    )


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (pair("replayed"), REPLAYED),
        (pair("forced-work"), "compared by force: other work"),
        (claims_2023(), CLAIM),
        (
            msgspec.structs.replace(gpu_node(), doubts=(doubt("replayed"),)),
            REPLAYED,
        ),
        (
            msgspec.structs.replace(gpu_node(), repeats=gpu_node().repeats[:1]),
            "single repeat: run-to-run scatter not known",
        ),
        (failed(gpu_node()), "check failed: not the energy of the work"),
        (cut(gpu_node()), "part of a repeat: not the energy of the whole work"),
        (cut(gpu_node(), "signal-handled"), "perhaps only a part of a repeat"),
    ],
)
def test_every_format_prints_the_stamp_in_the_headline(result: Any, words: str) -> None:
    """In the same words, before or beside the figure."""
    markdown = text(Markdown(), result)
    assert f"[{escape(words)}]" in markdown[: markdown.index("## ")]
    terminal = text(Terminal(), result)
    assert 0 < terminal.index(f"[{words}]") < 200
    content = json.loads(Json().render(Document(title="t", results=(result,))))
    assert words in [stamp["words"] for stamp in content["stamps"]]
    assert words in text(Csv(), result)
    assert words in text(OpenMetrics(), result)
    latex = Latex().render(Document(title="t", results=(result,)))
    plain = "".join(page.decode() for name, page in latex.items() if name != MAIN)
    assert latex_escape(words) in plain
    if isinstance(result, Measurement):
        exported = CodeCarbon().render(Document(title="t", results=(result,)))
        assert words in exported["intervals.csv"].decode()
        assert words in exported["emissions.csv"].decode()
        (boamps,) = BoAmps().render(Document(title="t", results=(result,))).values()
        assert words in boamps.decode()
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    page = text(Html(), result)
    headline = page[page.index('<section class="answer') :]
    assert f'<span class="stamp">{words}</span>' in headline[: headline.index("</header>")]


@pytest.mark.parametrize("verdict", ["better", "worse", "equivalent"])
def test_a_replayed_side_has_no_toned_verdict(verdict: Any) -> None:
    """A verdict on a recording is never the colour of a measured one, in headline and table."""
    toned = answer(pair(verdict=verdict), {})
    recorded = answer(pair("replayed", verdict=verdict), {})
    assert toned.tone in ("good", "bad", "muted")
    assert recorded.tone == "warn"
    assert recorded.verdict == f"{verdict}, of a recording"
    assert "nothing was measured here" in recorded.verdict_words
    assert f"verdict: {verdict}, of a recording" in recorded.line
    marks = ratios([pair("replayed", verdict=verdict)], Table("", (), ())).tables[0].marks
    assert {mark.tone for mark in marks if mark} <= {"warn", ""}
    cell = verdict_cell(pair("replayed", verdict=verdict))
    assert cell == (f"{verdict}, of a recording", REPLAYED, "warn", None)


@pytest.mark.parametrize("verdict", ["better", "worse", "equivalent"])
def test_a_verdict_that_stands_alone_says_of_a_recording(verdict: Any) -> None:
    """A sample of OpenMetrics and a row of LaTeX are read without the stamps beside them."""
    recorded = pair("replayed", verdict=verdict)
    (line,) = [
        line
        for line in OpenMetrics().render(Document(title="t", results=(recorded,))).splitlines()
        if line.startswith(b"energybench_comparison_energy_ratio{")
    ]
    assert f'verdict="{verdict}, of a recording"'.encode() in line
    tables = Latex().render(Document(title="t", results=(recorded,)))
    assert f"{verdict}, of a recording".encode() in tables["comparisons.tex"]


def test_work_that_was_not_done_has_neither_price_nor_rate() -> None:
    """In no export; its energy stays, with the stamp."""
    run = failed(gpu_node())
    assert run.energy_per_work_j is not None
    rows = {row.quantity: row for row in table(Document(title="t", results=(run,)))}
    assert rows["energy"].value is not None
    assert rows["energy_per_work"].value is None
    assert rows["work_rate"].value is None


def test_the_time_of_an_estimated_run_was_measured() -> None:
    """Its energy was not."""
    for row in table(estimated()):
        known = row.quantity in ("time", "speedup", "work_rate") and row.value is not None
        if row.about.kind != "projection" and row.kind == "interval":
            assert row.quality == ("measured" if known else "estimated"), row
    exported = CodeCarbon().render(estimated())["intervals.csv"].decode()
    qualities = {
        (row["column"] == "duration", row["quality"])
        for row in csv.DictReader(io.StringIO(exported))
        if row["kind"] == "interval"
    }
    assert qualities == {(True, "measured"), (False, "estimated")}


def test_a_grade_has_the_stamps_of_its_run() -> None:
    """On the command line, and in every format of a grade alone."""
    run = msgspec.structs.replace(gpu_node(), doubts=(doubt("replayed"),))
    graded = grade(run)
    assert graded.stamps == run.stamps
    assert grade_text(graded).startswith(f"[{REPLAYED}] ")
    document = Document(title="t", results=(), grades=(graded,))
    for report in (Json(), Markdown(), Terminal(), Csv(), OpenMetrics()):
        assert REPLAYED in " ".join(report.render(document).decode().split()), report.name
    tables = Latex().render(document)
    assert REPLAYED.encode() in tables["grades.tex"]


def test_a_replay_is_not_answered_as_measured() -> None:
    """A reader who asks whether a figure was measured, and a sentence to quote."""
    replayed = msgspec.structs.replace(gpu_node(), doubts=(doubt("replayed"),))
    for runs in ([replayed], [replayed, cpu_node()]):
        answers = dict(energy_answers([], runs, ["compute"]))["measured or assumed"]
        assert f"{REPLAYED}: " in answers
        assert answers.startswith("measured: ") == (len(runs) > 1)
        assert " replayed" in facts.quality(runs)
    assert "measured" not in facts.quality([replayed])
    quoted = long_sentence(Stated((), (replayed,)))
    assert "Recorded " in quoted
    assert "Measured" not in quoted
    (first, *_) = estimated().of(Measurement)
    assert "Timed " in long_sentence(Stated((), (first,)))
    assert "Measured " in long_sentence(Stated((), (gpu_node(),)))


def test_other_work_is_not_called_the_same() -> None:
    """A comparison by force does not say that the work was the same."""
    assert "the same work" not in text(Terminal(), pair("forced-work"))
    assert "the same work" in text(Terminal(), pair())


def test_the_commands_print_the_stamps_first() -> None:
    """`compare` and `project` print the words in their first line."""
    first, second = summary.comparison(pair("replayed")).split("\n")[:2]
    assert first.startswith(f"[{REPLAYED}] CPU node → GPU node: ")
    assert second.startswith("  verdict: better, of a recording (")
    assert projection_text.text(claims_2023()).startswith(f"[{CLAIM}] ")
    run = msgspec.structs.replace(gpu_node(), doubts=(doubt("replayed"),))
    assert summary.measurement(run).startswith(f"[{REPLAYED}] ")


def test_a_stamp_is_frozen_words() -> None:
    """The words of a stamp are those of this version, not of a file."""
    content = msgspec.to_builtins(pair("replayed"))
    content["stamps"][0]["words"] = "measured by an independent laboratory"
    assert msgspec.convert(content, Comparison).stamps == (Stamp(code="replayed", words=REPLAYED),)


@pytest.mark.parametrize("evidence", ["assumed", "inferred", "unstated"])
def test_an_open_quantity_counts_as_an_input(evidence: Any) -> None:
    """Once, whatever the number of its applications; "unstated" if nothing says how it is known."""
    claim = claims_2023()
    assert claim.solution is not None
    first, *others = claim.solution.unknowns
    weak = msgspec.structs.replace(first, evidence=evidence)
    known = tuple(msgspec.structs.replace(other, evidence="seen") for other in others)
    unknowns = (weak, msgspec.structs.replace(weak, of="DeepCAM"), *known)
    solution = msgspec.structs.replace(claim.solution, unknowns=unknowns)
    counted = [entry for entry in claim.base_inputs if entry.evidence is not None]
    weaker = sum(entry.evidence == evidence for entry in counted) + 1
    changed = msgspec.structs.replace(claim, solution=solution)
    (stamp,) = [stamp for stamp in changed.stamps if stamp.code == f"{evidence}-inputs"]
    assert stamp.words.startswith(f"{weaker} of {len(counted) + 1 + len(known)} inputs ")
