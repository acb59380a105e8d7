"""The overview: every result in a row, ratios on one axis, means by name, and how much follows in
full.
"""

from __future__ import annotations

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.model import (
    ARITHMETIC_MEAN,
    ENERGY_WEIGHTED_MEAN,
    GEOMETRIC_MEAN,
    IN_FULL,
    Comparison,
    Document,
    Estimate,
    Measurement,
    Publication,
)
from energybench.projecting.project import project
from energybench.projecting.scenario_files import read
from energybench_reports.view.document import build, in_full
from energybench_reports.view.layout import Table
from energybench_reports.view.overview import overview
from energybench_reports.view.wording import value
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_many import applications, runs
from tests.reports.sample_pair import compared
from tests.reports.sample_values import interval, scatter
from tests.reports.samples import SAMPLES

replace = msgspec.structs.replace


def tables(document: Document) -> dict[str, Table]:
    """The tables of the overview by the first column."""
    return {table.head[0]: table for table in build(document).overview}


def test_every_comparison_is_a_row_on_one_axis() -> None:
    """Energy ratio and speedup of four applications, and three means, each by its name."""
    table = tables(applications(4))["comparison"]
    assert [row[0].text for row in table.rows[4:]] == [
        "arithmetic mean",
        "geometric mean",
        "energy-weighted mean",
    ]
    assert table.axis is not None
    assert len(table.marks) == len(table.second_marks) == len(table.rows) == 7
    for energy, speedup in zip(table.marks[:4], table.second_marks[:4], strict=True):
        assert energy is not None
        assert speedup is not None
        assert 0 <= energy.low <= energy.value <= energy.high < speedup.value <= 100
    values = [mark.value for mark in table.marks[:4] if mark is not None]
    assert values == sorted(values)
    first = dict(zip(table.head, table.rows[0], strict=True))
    assert first["energy ratio"].line == "1.000 [0.924, 1.076]"
    assert first["time x nodes"].text == "124.31\u00a0s → 10.358\u00a0s"
    assert (
        first["time x nodes"].note == "[124.13, 124.49] → [10.316, 10.400], x\u00a01\u00a0node each"
    )
    assert "boundary" not in first
    assert table.about.startswith("All 4 comparisons: boundary compute.")
    # the headlines have no axes of their own
    assert all(answer.graphic is None for answer in build(applications(4)).answers)


def test_a_time_without_its_run_is_a_quotient_with_its_interval() -> None:
    """A comparison alone has no interval of either time, and one of their quotient."""
    alone = Document(title="", results=(compared(cpu_node(), gpu_node()),))
    facts = dict(build(alone).answers[0].facts)
    assert facts["time x nodes"].line == "12.002 [11.942, 12.062] baseline over candidate"


def test_ratios_of_two_boundaries_have_no_mean() -> None:
    """The overview says why."""
    document = applications(2)
    other = replace(document.results[0], boundary="device")
    table = tables(replace(document, results=(other, *document.results[1:])))["comparison"]
    assert len(table.rows) == 2
    assert "no common mean, because their boundaries differ" in table.about


def test_measured_rated_and_provisioned_power_stand_side_by_side() -> None:
    """Measured and idle power of each node, the limits of its boards, and the power that the
    publisher states; what is not known is a dash.
    """
    stated = Publication(provisioned_w={"application 0 on GPUs": 2200.0})
    table = tables(replace(applications(2), publication=stated))["node"]
    rows = {row[0].text: dict(zip(table.head, row, strict=True)) for row in table.rows}
    gpu, cpu = rows["application 0 on GPUs"], rows["application 0 on CPUs"]
    assert gpu["measured"].line == "1.128 kW [1.085, 1.198]"
    assert gpu["rated"].line == "1\u202f600 W (4 boards at the power limit)"
    assert gpu["provisioned"].text == "2\u202f200 W"
    assert cpu["rated"].text == cpu["provisioned"].text == "–"
    assert len(rows) == 4


def test_a_provisioned_power_of_no_side_is_said_once() -> None:
    """A label with a typing error is named, with the labels that there are."""
    stated = Publication(provisioned_w={"application 0 on GPU": 2200.0})
    (note,) = build(replace(applications(1), publication=stated)).notes
    assert '"application 0 on GPU", which is the label of no side' in note
    assert '"application 0 on GPUs"' in note
    matched = Publication(provisioned_w={"application 0 on GPUs": 2200.0})
    assert build(replace(applications(1), publication=matched)).notes == ()


def test_one_comparison_has_the_power_of_its_nodes_beside_the_ratios() -> None:
    """A single result has no overview."""
    view = build(SAMPLES["comparison"]())
    assert view.overview == ()
    ratios = next(section for section in view.sections if section.key == "ratios")
    assert [table.title for table in ratios.tables] == ["", "Power of a node"]
    assert build(Document(title="", results=(cpu_node(),))).overview == ()


def test_runs_without_a_comparison_point_to_it() -> None:
    """Energy per work, power, time and boundary of every run that no comparison names."""
    table = tables(runs(3))["run"]
    row = dict(zip(table.head, table.rows[1], strict=True))
    assert row["energy per solve to residual 1e-10"].text == "58.4 kJ"
    assert row["mean power"].text == "470 W"
    assert row["time"].line == "124.31 s [124.13, 124.49]"
    assert row["boundary"].text == "compute"
    assert "energybench compare BASELINE CANDIDATE" in table.about
    assert "run" not in tables(applications(3))


@pytest.mark.parametrize("document", [applications(20), runs(40)], ids=["comparisons", "runs"])
def test_the_first_twelve_follow_in_full(document: Document) -> None:
    """All are rows of the overview; --all shows all in full."""
    view = build(document)
    assert sum(len(table.rows) for table in view.overview) >= 20
    assert len(view.answers) == IN_FULL
    assert any("energybench report --all" in note for note in view.notes)
    every = build(replace(document, all_in_full=True))
    assert len(every.answers) in (20, 40)
    assert not any("--all" in note for note in every.notes)


def test_the_sides_of_a_comparison_come_before_other_runs() -> None:
    """The one comparison of a large document keeps its runs."""
    cpu, gpu = cpu_node(), gpu_node()
    document = Document(title="", results=(*runs(30).results, compared(cpu, gpu), cpu, gpu))
    shown = in_full(document)
    kept = {m.id for m in shown.of(Measurement)}
    assert {cpu.id, gpu.id} <= kept
    assert len(kept) == IN_FULL
    assert len(shown.of(Comparison)) == 1


def test_many_messages_of_a_doubt_are_counted() -> None:
    """The first of them stand there, and how many there are more; and so the results of one."""
    document = runs(30)
    for weakness in build(document).weaknesses:
        for _, subjects in weakness.messages:
            assert len(subjects) <= IN_FULL + 1
    memory = next(w for w in build(document).weaknesses if w.code == "memory-modelled")
    assert memory.messages[0][1][-1] == "3 more"


def test_a_column_in_which_all_runs_say_the_same_is_a_sentence() -> None:
    """Of many runs, boundary and check stand once; a run that differs brings its column back."""
    many = [replace(cpu_node(), id=f"run-{i}", label=f"run {i}") for i in range(5)]
    table = tables(Document(title="", results=tuple(many)))["run"]
    assert not {"boundary", "check"} & set(table.head)
    assert table.about.startswith("All 5 runs: ")
    assert "boundary compute" in table.about
    assert "check passed" in table.about
    other = replace(many[0], boundary=replace(many[0].boundary, name="node-dc"))
    changed = tables(Document(title="", results=(other, *many[1:])))["run"]
    assert "boundary" in changed.head
    assert "check" not in changed.head


def test_a_full_report_begins_with_questions_and_answers() -> None:
    """Of boundary, runs, sensors, assumptions, energy left out, verification and publisher."""
    document = SAMPLES["comparison"]()
    section = build(document).sections[0]
    answers = {row[0].text: row[1].text for row in section.tables[0].rows}
    assert answers["runs"] == "2 runs, each of 8 repeats on 1 node"
    assert "processors, memory and accelerators" in answers["boundary"]
    assert "modelled, not measured: cpu.dram" in answers["measured or assumed"]
    assert "rapl (cpu.package, cpu.dram)" in answers["read by"]
    assert "cooling" in answers["left out"]
    assert answers["by whom"].startswith("not stated")
    stated = replace(document, publication=Publication(tuned="by the vendor"))
    assert "by whom" not in {row[0].text for row in build(stated).sections[0].tables[0].rows}
    assert build(document, detail=False).sections[0].key != "questions"


def from_effects(estimate: Estimate | None) -> Estimate | None:
    """The estimate with an effect that gives its interval."""
    if estimate is None:
        return None
    return interval(estimate.value, scatter((estimate.high - estimate.low) / 4))


def test_ratios_without_effects_have_no_mean() -> None:
    """An interval of which the effects are lacking would be lost in a mean, and in a projection."""
    document = applications(2)
    first, *others = document.results
    assert isinstance(first, Comparison)
    assert first.energy_ratio is not None
    bare = replace(first, energy_ratio=replace(first.energy_ratio, effects=()))
    table = tables(replace(document, results=(bare, *others)))["comparison"]
    assert len(table.rows) == 2
    assert "no common mean, because an interval stands without its effects" in table.about
    with pytest.raises(BadInput, match="has an interval without effects"):
        project(read("example-centre"), (bare,), "example-centre")


@pytest.mark.parametrize("scenario", ["example-centre", "nersc-2023"])
def test_a_page_has_one_interval_of_a_mean(scenario: str) -> None:
    """The means of an overview are those of a projection of the same comparisons, which carries
    the errors that powers and speedups share; without one, those of the comparisons.
    """
    document = applications(3)
    names = {run.id: run.label for run in document.of(Measurement)}
    # node-hours that fit the speedup of each, as one node a side has them
    pairs = tuple(
        replace(
            pair,
            node_hours=(pair.speedup.value * pair.node_hours[1], pair.node_hours[1]),
            speedup=from_effects(pair.speedup),
            power_w=tuple(map(from_effects, pair.power_w)),
            idle_power_w=tuple(map(from_effects, pair.idle_power_w)),
        )
        for pair in document.of(Comparison)
    )
    document = replace(document, results=(*pairs, *document.of(Measurement)))
    projection = project(read(scenario), pairs, scenario)
    of_lines = {line.name: line.value for line in projection.lines}
    both = replace(document, results=(*document.results, projection))
    rows = {row[0].text: row[1] for row in overview(both, names)[0].rows}
    for words, name in (
        ("arithmetic mean", ARITHMETIC_MEAN),
        ("geometric mean", GEOMETRIC_MEAN),
        ("energy-weighted mean", ENERGY_WEIGHTED_MEAN),
    ):
        assert rows[words] == value(of_lines[name])
    # a projection of some of them has other means
    some = project(read(scenario), pairs[:2], scenario)
    beside = replace(document, results=(*document.results, some))
    alone = overview(document, names)[0].rows
    assert overview(beside, names)[0].rows[-3:] == alone[-3:]
    # shares of [mix] weight the energy-weighted mean of the projection alone
    shares = {f"application {i}": share for i, share in enumerate((0.2, 0.3, 0.5))}
    mixed = project(replace(read(scenario), mix=shares), pairs, scenario)
    weighted = replace(document, results=(*document.results, mixed))
    table = overview(weighted, names)[0]
    name, *cells = table.rows[-1]
    assert name.text == "energy-weighted mean, equal node-hours"
    assert tuple(cells) == alone[-1][1:]
    assert "its own energy-weighted mean gives the energy saved" in table.about
    assert "it alone gives the energy saved" not in table.about
    assert overview(weighted, names)[0].rows[-3][1] == value(of_lines[ARITHMETIC_MEAN])


@pytest.mark.parametrize("some", [False, True])
def test_a_stamp_of_all_of_many_runs_stands_once_in_the_title(some: bool) -> None:
    """A stamp of some runs alone stands beside each of these runs."""
    document = runs(IN_FULL + 3)
    results = [
        replace(run, quality="measured" if some and number % 2 else "estimated")
        for number, run in enumerate(document.of(Measurement))
    ]
    table = tables(replace(document, results=tuple(results)))["run"]
    stamps = [stamp.words for stamp in results[0].stamps]
    assert stamps
    notes = [row[0].note for row in table.rows]
    assert (f", each: {'; '.join(stamps)}" in table.title) == (not some)
    assert [stamps[0] in note for note in notes] == [some and not n % 2 for n in range(len(notes))]
