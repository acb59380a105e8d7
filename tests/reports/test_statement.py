"""The statement: two pages for one to six applications, whatever the labels; the sentence to copy
holds its qualifiers; results that are not for publication are refused or marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.grading.statable import check
from energybench.model import (
    Comparison,
    Document,
    Doubt,
    Estimate,
    Measurement,
    Publication,
    Verification,
)
from energybench_reports.pdf import Pdf
from energybench_reports.view.statement import statement
from energybench_reports.view.statement_sentence import MOST
from tests.reports.foreign import LABELS, with_texts
from tests.reports.pdf_pages import Pages, squeezed
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_many import applications, runs
from tests.reports.sample_odd import estimated
from tests.reports.sample_pair import compared
from tests.reports.samples import SAMPLES

pytest.importorskip("typst")
pytest.importorskip("fontTools")

MARGIN_PT = 36  # 16 mm are 45 pt
replace = msgspec.structs.replace
FULL = Publication(
    title="A title",
    publisher="Example Computing Centre",
    sponsor="Example Vendor",
    tester="Performance group",
    tested="2026-03-02",
    tuned="the same two people",
    baseline="nodes of 2023",
)


def stated(count: int, label: Callable[[int, str], str] | None = None) -> Document:
    """A statement of some applications; 0: of a single run."""
    document = applications(count)
    if not count:
        document = Document(title="One run", results=(cpu_node(),), version="0.1.0")
    document = replace(document, publication=FULL, created_utc="2026-11-29T10:00:00Z")
    if label is None:
        return document
    results: list[Comparison | Measurement] = []
    for number, result in enumerate(document.results):
        if isinstance(result, Comparison):
            results.append(replace(result, labels=(label(number, "A"), label(number, "B"))))
        else:
            results.append(replace(result, label=label(number, "C")))
    return replace(document, results=tuple(results))


def front(content: bytes) -> list[str]:
    """The text of the two pages before the appendix."""
    pages = Pages(content)
    return [pages.text(0), pages.text(1)]


def check_two_pages(content: bytes) -> str:
    pages = Pages(content)
    before, appendix = [pages.text(0), pages.text(1)], pages.text(2)
    # the foot of a page counts, and says "appendix" from the third page on
    assert all(f"statement, page {number} of 2" in text for number, text in enumerate(before, 1))
    assert f"appendix, page 3 of {len(pages)}" in appendix
    # the heading stands at the top of the third page alone, wherever the pages before it end
    assert "\nAppendix\n" in f"\n{appendix}".replace("\r", "")
    assert pages.outside(MARGIN_PT, 2) == []
    # a page that ran over would leave its end on no page at all
    assert "In at most 280 characters" in before[0]
    assert "Rule books, aspect by aspect" in before[1]
    return "".join(before)


@pytest.mark.parametrize("count", [0, 1, 4, 6])  # from 5 on, long pages leave out a table
def test_two_pages_with_labels_of_40_characters(count: int) -> None:
    """For a single run, and for one to six comparisons."""
    document = stated(count, lambda number, side: f"{side}{number} {'application ' * 4}"[:40])
    check_two_pages(Pdf().statement(document, draft=False))


@pytest.mark.parametrize("label", ["cjk", "500 characters", "500 characters of one word", "import"])
def test_two_pages_with_any_label(label: str) -> None:
    """Every foreign text of a comparison: 500 characters, other scripts, markup."""
    text = LABELS[label]
    document = with_texts(stated(1), Document, lambda old: f"{text} {old}" if old else old)
    # the identity of the runs stays the link between them
    check_two_pages(Pdf().statement(document, draft=True))


@pytest.mark.parametrize(
    ("text", "count"),
    [(("lattice solver of the spring " * 7)[:190], 5), ("m" * 60, 6)],
    ids=["folded", "scaled down"],
)
def test_two_pages_with_every_text_long(text: str, count: int) -> None:
    """More than the smallest type can hold: texts are folded, and if that is not enough, the
    arrangement is scaled down. The foot of the pages holds the title and the version.
    """
    own = stated(count)
    document = with_texts(own, Document, lambda old: f"{text} {old}" if old else old)
    document = replace(document, title=own.title, version=own.version, publication=own.publication)
    check_two_pages(Pdf().statement(document, draft=True))


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_two_pages_with_the_longest_publication(paper: str) -> None:
    """Every statement has the 600 characters that a publication file allows: the page folds them,
    the appendix has the whole.
    """
    own = Publication()
    texts = [name for name in own.__struct_fields__ if isinstance(getattr(own, name), str)]
    dated = ("title", "paper", "tested", "hardware_available", "software_available")
    long = {
        name: f"{name} {'words ' * 100}"[:590] + " the end" for name in texts if name not in dated
    }
    part = {"part": "switch " * 80, "most_w": 1.0, "formula": "f " * 290, "source": "s " * 290}
    stated_as = {**long, "paper": paper, "unmetered": [part] * 6}
    publication = msgspec.convert(stated_as, Publication)
    document = replace(stated(6), publication=publication)
    content = Pdf().statement(document, draft=False)
    text = check_two_pages(content)
    assert "(appendix)" in text
    appendix = squeezed("".join(Pages(content).texts[2:]))
    assert appendix.count("theend") >= len(long)


def test_the_pages_answer_the_questions_of_a_reader() -> None:
    """What was compared, boundary, meter, runs and nodes, who tuned, which mean, measured or
    assumed, left out, verification, date, by whom.
    """
    text = squeezed("".join(front(Pdf().statement(stated(2), draft=False))))
    for words in (
        "application 0 on CPUs",
        "compute (processors, memory and accelerators of the nodes)",
        "without a sensor: network",
        "nvml (gpu.board), rapl (cpu.package",
        "repeats",
        "nodes",
        "the same two people",
        "energy-weighted mean",
        "left out",
        "fans, network cards",
        "how to verify",
        "2026-03-02",
        "Performance group",
        "not stated",
        "EE HPC WG",
        "MLPerf® Training",
        "largest parts of the uncertainty",
        "1 600 W",
    ):
        assert squeezed(words) in text, words


@pytest.fixture(scope="module")
def one_comparison() -> bytes:
    """The statement of one comparison."""
    return Pdf().statement(stated(1), draft=False)


def test_the_same_document_gives_the_same_bytes(one_comparison: bytes) -> None:
    assert Pdf().statement(stated(1), draft=False) == one_comparison


# ---------------------------------------------------------------- the sentence

BANNED = ("green", "efficient", "better", "worse", "best", "sustainable", "clean", "eco", "saves")


def wide(count: int) -> Document:
    return stated(count, lambda number, side: f"{side}{number}" + "w" * 38)


@pytest.mark.parametrize("document", [stated(0), stated(1), stated(4), wide(0), wide(1), wide(6)])
def test_both_sentences_hold_every_qualifier(document: Document) -> None:
    """Figure, interval, what was compared, boundary, runs and nodes, date, sensors, what is left
    out: also in 280 characters. No word that sells.
    """
    made = statement(document)
    assert len(made.short) <= MOST
    for sentence in (made.short, made.long):
        assert made.figure.text.split()[0] in sentence
        assert made.figure.note in sentence
        assert "95 %" in sentence
        assert "boundary compute" in sentence
        assert re.search(r"8\b.* repeats on .*node", sentence)
        assert "2026-03-02" in sentence
        assert "rapl" in sentence
        assert "fans" in sentence
        assert not [word for word in BANNED if re.search(rf"\b{word}\b", sentence)]
    first = document.results[0]
    names = first.labels if isinstance(first, Comparison) else (first.label,)
    assert all(name[:5] in made.short for name in names)
    assert all(name[:20] in made.long for name in names)


@pytest.mark.parametrize(
    ("verdict", "long", "short"),
    [
        ("inconclusive", "do not decide", "undecided"),
        ("equivalent", "equal within ±5.0 %", ""),
    ],
)
def test_the_sentence_says_if_the_runs_decide_nothing(verdict: str, long: str, short: str) -> None:
    document = stated(1)
    results = tuple(
        msgspec.structs.replace(result, verdict=verdict)
        if isinstance(result, Comparison)
        else result
        for result in document.results
    )
    made = statement(replace(document, results=results))
    assert long in made.long
    assert short in made.short


# ---------------------------------------------------------------- refusals


def of(results: Sequence[Comparison | Measurement]) -> Document:
    return Document(title="x", results=tuple(results), version="0.1.0")


def failed() -> Document:
    check = Verification(quantity="residual", value=1.0, tolerance=0.1, passed=False)
    cpu, gpu = replace(cpu_node(), verification=(check,)), gpu_node()
    return of([compared(cpu, gpu), cpu, gpu])


def forced() -> Document:
    cpu, gpu = cpu_node(), gpu_node()
    doubt = Doubt(code="forced-work", message="other work", remedy="the same work")
    pair = compared(cpu, gpu)
    return of([replace(pair, doubts=(*pair.doubts, doubt)), cpu, gpu])


def replayed() -> Document:
    doubt = Doubt(code="replayed", message="a recording", remedy="measure")
    cpu = replace(cpu_node(), doubts=(doubt,))
    return of([cpu])


def without_runs() -> Document:
    return of([compared(cpu_node(), gpu_node())])


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (replayed, "replayed from a recording"),
        (estimated, "estimated"),
        (failed, "failed the check of residual"),
        (forced, "compared by force: other work"),
        (without_runs, "is not known"),
    ],
)
def test_is_refused_or_marked_on_every_page(
    document: Callable[[], Document], reason: str, one_comparison: bytes
) -> None:
    """Without --draft in one line; with it, each page says so, and the sentence begins with it."""
    with pytest.raises(BadInput, match=reason) as refusal:
        Pdf().statement(document(), draft=False)
    assert "--draft" in str(refusal.value)
    content = Pdf().statement(document(), draft=True)
    for text in Pages(content).texts:
        assert "Draft: not for publication" in text
    made = statement(document())
    assert made.short.startswith("DRAFT: ")
    assert len(made.short) <= MOST
    assert made.long.startswith("Draft, not for publication")
    assert "Draft" not in "".join(Pages(one_comparison).texts)


@pytest.mark.parametrize(
    ("tested", "agrees"),
    [
        *(("2026", True), ("2026-03", True), ("2026-03-01 to 2026-04-02", True), ("", True)),
        *(("1999", False), ("2026-03-01", False), ("2026-02", False)),
        ("2026-03-03 to 2027", False),
    ],
)
def test_the_publisher_s_date_has_to_be_that_of_the_runs(tested: str, agrees: bool) -> None:
    """The runs recorded 2026-03-02, which is the date in the sentences."""
    document = stated(1)
    assert document.publication is not None
    document = replace(document, publication=replace(document.publication, tested=tested))
    assert "2026-03-02" in statement(document).short
    if agrees:
        check(document, draft=False)
        return
    with pytest.raises(BadInput, match=f"tested = '{tested}', .* measured on 2026-03-02"):
        Pdf().statement(document, draft=False)


@pytest.mark.parametrize("count", [1, 3])
def test_work_that_nobody_checked_is_named_so(count: int) -> None:
    """On the pages and in both sentences."""
    doubt = Doubt(code="work-unproven", message="taken on trust", remedy="a workload")
    document = stated(count)
    assert "taken on trust" not in squeezed("".join(front(Pdf().statement(document, draft=False))))
    results = tuple(
        replace(one, doubts=(*one.doubts, doubt)) if isinstance(one, Comparison) else one
        for one in document.results
    )
    document = replace(document, results=results)
    text = squeezed("".join(front(Pdf().statement(document, draft=False))))
    assert squeezed("taken on trust: the programs do not say what they did") in text
    made = statement(document)
    for sentence in (made.short, made.long):
        assert "work taken on trust to be the same" in sentence
        assert "the same work" not in sentence
    assert "taken on trust" in made.lead
    assert "the same work with less" not in made.lead


def mixed() -> Document:
    first, *rest = stated(2).results
    return of([replace(first, boundary="node-ac"), *rest])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (lambda: of([]), "no run and no comparison"),
        (lambda: runs(3), "3 runs and no comparison"),
        (lambda: applications(7), "7 comparisons"),
        (mixed, "mixes the boundaries compute and node-ac"),
        (lambda: of([*stated(1).results, replace(cpu_node(), id="z", label="zed")]), "zed"),
        (SAMPLES["study"], "not of a study"),
        (SAMPLES["claims"], "not of a projection"),
        (lambda: of([replace(cpu_node(), energy_j=None)]), "was not measured"),
    ],
)
def test_some_results_make_no_statement(document: Callable[[], Document], problem: str) -> None:
    """Not even a draft."""
    with pytest.raises(BadInput, match=problem):
        Pdf().statement(document(), draft=True)


def test_a_single_run_is_stamped() -> None:
    text = squeezed("".join(front(Pdf().statement(stated(0), draft=False))))
    assert squeezed("one run: nothing was compared") in text


@pytest.mark.parametrize("ratio", [11.882, 1234.5678, 0.00123456])
def test_an_interval_keeps_its_distance_from_the_next_column(ratio: float) -> None:
    """Intervals are never broken, so that their columns have room for the longest, at any size of
    type.
    """
    document = stated(1, lambda number, side: f"solver on {('two CPUs', 'four A100')[side == 'B']}")
    (pair,) = document.of(Comparison)
    wide = Estimate(value=ratio, low=ratio * 0.99481, high=ratio * 1.00519)
    replayed = Doubt(code="replayed", message="m", remedy="r")
    pair = replace(pair, speedup=wide, energy_ratio=wide, doubts=(replayed,))
    document = replace(document, results=(pair, *document.of(Measurement)))
    apart_pt = Pages(Pdf().statement(document, draft=True)).distances(0, "[", "]", "To quote")
    assert len(apart_pt) >= 6  # ratio, speedup, and energy and time of both sides
    assert min(apart_pt) >= 3.5, apart_pt  # a space in a sentence is wider
