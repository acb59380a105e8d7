"""The content of every format: the answer first, doubts once, and no number for a value that was
not measured.
"""

from __future__ import annotations

import msgspec

from energybench.analysis.uncertainty.effects import scale
from energybench.model import (
    Comparison,
    Document,
    Doubt,
    Estimate,
    Measurement,
    Verification,
    WorkloadRef,
)
from energybench_reports.view.document import build
from energybench_reports.view.layout import ratio_axis
from energybench_reports.view.wording import TableCell
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared
from tests.reports.sample_published import claims_2023
from tests.reports.samples import SAMPLES


def changed(noun: Comparison, **fields: object) -> Comparison:
    return msgspec.structs.replace(noun, **fields)


def test_the_answer_says_ratio_interval_speedup_and_verdict() -> None:
    """The headline has every figure for a quotation."""
    answer = build(SAMPLES["comparison"]()).answers[0]
    assert answer.line == (
        "CPU node → GPU node: energy ratio 5.00 [4.62, 5.38], speedup 12.000 [11.940, 12.060], "
        "verdict: better"
    )
    assert not answer.assumed


def test_each_verdict_has_its_words() -> None:
    """Every verdict names the better side in words, or says that the runs do not decide."""
    pair = compared(cpu_node(), gpu_node())
    words = {
        verdict: build(Document(title="", results=(changed(pair, verdict=verdict),)))
        .answers[0]
        .verdict_words
        for verdict in ("better", "worse", "equivalent", "inconclusive")
    }
    assert len(set(words.values())) == 4
    assert "less energy" in words["better"]
    assert "more energy" in words["worse"]
    assert "±5.0 %" in words["equivalent"]


def test_an_estimate_has_no_energy_verdict() -> None:
    """Where a side has no sensor the figure is called time x assumed power, and no verdict is
    given.
    """
    answer = build(SAMPLES["estimated"]()).answers[0]
    assert answer.assumed
    assert answer.figure_name == "time x assumed power"
    assert answer.verdict == "no energy verdict"
    assert "energy ratio" not in answer.line


def test_a_title_of_assumed_power_outranks_a_verdict() -> None:
    """The verdict of an estimate is not shown."""
    odd = changed(compared(cpu_node(), gpu_node()), title="time x assumed power", verdict="better")
    assert build(Document(title="", results=(odd,))).answers[0].verdict == "no energy verdict"


def test_a_lost_sensor_is_not_a_zero() -> None:
    """A missing energy is called not measured, in the answer and in every table."""
    view = build(SAMPLES["partial"]())
    assert view.answers[0].figure is None
    table = next(section for section in view.sections if section.key == "measurements").tables[0]
    shown = dict(zip(table.head, table.rows[0], strict=True))
    for name in ("energy, gross", "mean power", "quality"):
        assert shown[name].text == "not measured"
    repeats = next(section for section in view.sections if section.key == "repeats").tables[0]
    assert [row[4].text for row in repeats.rows][1:] == ["not measured", "not measured"]


def test_a_missing_part_is_listed_and_has_no_joules() -> None:
    """A part without a sensor stands in the table with its range and without a number of joules."""
    table = next(
        section
        for section in build(SAMPLES["comparison"]()).sections
        if section.key == "components"
    ).tables[0]
    row = next(row for row in table.rows if row[0].text == "network")
    assert row[1].text == "none on this node"
    assert (row[2].text, row[2].note) == ("not measured", "1 part missing: 0 to 17.5 W")


def test_a_carried_doubt_stands_once_under_its_origin() -> None:
    """A doubt about a run, carried on by a comparison and a projection, is printed once, with the
    run.
    """
    cpu, gpu = cpu_node(), gpu_node()
    pair = compared(cpu, gpu)
    carried = tuple(doubt.carried_from("CPU node → GPU node") for doubt in pair.doubts)
    month = msgspec.structs.replace(claims_2023(), doubts=carried)
    messages = {
        weakness.code: weakness.messages
        for weakness in build(Document(title="", results=(cpu, gpu, pair, month))).weaknesses
    }
    assert [subjects for _, subjects in messages["memory-modelled"]] == [("GPU node",)]
    assert [subjects for _, subjects in messages["one-node"]] == [("CPU node → GPU node",)]


def test_doubts_of_one_code_and_remedy_stand_together() -> None:
    """Messages with different figures share a heading and a remedy; every message is printed."""
    doubts = tuple(
        Doubt(code="net-refused", message=f"interval {i}", remedy="longer idle") for i in range(2)
    )
    run: Measurement = msgspec.structs.replace(cpu_node(), doubts=doubts)
    (weakness,) = build(Document(title="", results=(run,))).weaknesses
    assert weakness.messages == (("interval 0", ()), ("interval 1", ()))
    both = Document(title="", results=(run, gpu_node()))
    assert build(both).weaknesses[0].messages[0] == ("interval 0", ("CPU node",))


def test_a_doubt_has_a_heading_in_words() -> None:
    """The words of the catalogue; a code of a later version stands for itself."""
    codes = {"limit-unknown": "The limit of the machine is not known", "later": "later"}
    for code, words in codes.items():
        doubt = Doubt(code=code, message="m", remedy="r")
        run = msgspec.structs.replace(cpu_node(), doubts=(doubt,))
        (weakness,) = build(Document(title="", results=(run,))).weaknesses
        assert (weakness.title, weakness.code) == (words, code)


def test_a_month_from_assumed_powers_says_so() -> None:
    """A projection from an estimate is marked like the estimate."""
    doubt = Doubt(
        code="time-x-assumed-power", message="a side has no energy sensor", remedy="open one"
    )
    answer = build(
        Document(title="", results=(msgspec.structs.replace(claims_2023(), doubts=(doubt,)),))
    ).answers[0]
    assert answer.assumed
    assert "from assumed powers" in answer.line


def test_a_single_run_answers_with_its_energy() -> None:
    """Without a comparison the report begins with the measurement: with the energy of a unit of
    work, beside that of a repeat of several units; of work that is not known, with the repeat.
    """
    answer = build(SAMPLES["unused"]()).answers[0]
    assert answer.line.startswith("GPU node: energy, gross, per solve to residual 1e-10 11.68 kJ [")
    assert "energy of one repeat, gross" not in dict(answer.facts)
    one = cpu_node()
    six = msgspec.structs.replace(
        one,
        work=msgspec.structs.replace(one.work, amount=6),
        energy_per_work_j=scale(one.energy_j, 1 / 6),
    )
    answer = build(Document(title="", results=(six,))).answers[0]
    assert answer.figure is not None
    assert answer.figure.text == "9.74 kJ"
    assert dict(answer.facts)["energy of one repeat, gross"].text == "58.4 kJ"
    unknown = msgspec.structs.replace(one, work=None, energy_per_work_j=None)
    answer = build(Document(title="", results=(unknown,))).answers[0]
    assert answer.figure_name == "energy of one repeat, gross"


def test_work_that_failed_its_check_has_no_price() -> None:
    """Its energy was measured and is no energy of the work: said first, and no joules per unit, no
    rate.
    """
    failed = Verification(quantity="true residual", value=1e-3, tolerance=1e-10, passed=False)
    view = build(
        Document(title="", results=(msgspec.structs.replace(gpu_node(), verification=(failed,)),))
    )
    assert view.answers[0].verdict == "check failed"
    assert (
        "not the energy of the work that was asked for: the check of true residual failed"
        in view.answers[0].verdict_words
    )
    row = next(
        dict(zip(t.head, t.rows[0], strict=True))
        for s in view.sections
        if s.key == "measurements"
        for t in s.tables
    )
    assert row["energy per work"] == TableCell("not given", "the check of the result failed", "bad")
    assert row["work"].note == ""


def test_labels_that_read_the_same_are_numbered() -> None:
    """Two runs with equal labels stay two columns."""
    one = cpu_node()
    two: Measurement = msgspec.structs.replace(one, id="another")
    assert list(build(Document(title="", results=(one, two))).labels.values()) == [
        "CPU node (1)",
        "CPU node (2)",
    ]


def test_labels_that_read_the_same_are_told_apart_by_what_differs() -> None:
    """Labels of training and inference contain the mode; runs with equal settings are then
    numbered.
    """
    one = cpu_node()
    modes = [("a", "training"), ("b", "inference"), ("c", "inference")]
    runs = tuple(
        msgspec.structs.replace(
            one,
            id=key,
            workload=WorkloadRef(
                name="deepcam", size="S", device="cpu", settings={"mode": mode, "seed": 1}
            ),
        )
        for key, mode in modes
    )
    names = build(Document(title="", results=runs)).labels
    assert names == {
        "a": "CPU node mode=training",
        "b": "CPU node mode=inference (1)",
        "c": "CPU node mode=inference (2)",
    }


def test_the_shares_of_a_budget_sum_to_one() -> None:
    """The budget accounts for the whole variance."""
    budget = next(
        section for section in build(SAMPLES["comparison"]()).sections if section.key == "budget"
    )
    for table in budget.tables:
        assert abs(sum(row[4].bar or 0.0 for row in table.rows) - 1) < 1e-12


def test_an_axis_holds_every_interval_and_one() -> None:
    """Marks of any ratios lie on the axis in order; ratios of 0 or less have no mark."""
    wild = [
        Estimate(value=2.0, low=-1.0, high=1e9),
        Estimate(value=1e-9, low=1e-9, high=1.0),
        None,
        Estimate(value=-1.0, low=-2.0, high=0.0),
    ]
    axis, marks = ratio_axis("", wild, margin=0.05)
    assert axis is not None
    assert axis.band is not None
    assert axis.band[0] < axis.reference < axis.band[1]
    assert marks[2] is marks[3] is None
    for mark in marks[:2]:
        assert mark is not None
        assert 0 <= mark.low <= mark.value <= mark.high <= 100
    assert ratio_axis("", [None])[0] is None
