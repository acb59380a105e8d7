"""Trainings over several runs: the steps of every run, and the sum of the energies."""

from __future__ import annotations

import msgspec
import pytest

from energybench.model import Estimate, Measurement, Progress, Quality, WorkRecord
from energybench_reports.charts.curves import figures
from energybench_reports.charts.figure import spec
from energybench_reports.view.training import tables
from tests.reports import sample_training
from tests.reports.sample_cpu_node import cpu_node

WORK = 2.0  # amount a step


def leg(
    name: str, first: float, last: float, training: str = "one", measured: bool = True
) -> Measurement:
    progress = Progress(training=training, first=first, last=last, unit="step", work_per_unit=WORK)
    per_work = Estimate(value=10.0, low=9.0, high=12.0) if measured else None
    return msgspec.structs.replace(
        cpu_node(), id=name, energy_per_work_j=per_work, record=WorkRecord(progress=progress)
    )


def shown(*legs: Measurement) -> list[list[str]]:
    table, _ = tables(legs, {m.id: m.id for m in legs})
    return [[cell.line for cell in row] for row in table.rows]


def for_documentation(*legs: Measurement) -> dict[str, str]:
    """The answers about the energy of a training."""
    _, table = tables(legs, {m.id: m.id for m in legs})
    return {row[0].text: row[1].line for row in table.rows}


def test_answers_for_the_documentation_of_a_model() -> None:
    """The sum of the table above with its interval; known or estimated, and how."""
    answers = for_documentation(leg("first", 0, 10), leg("second", 10, 30))
    assert answers["energy of the training"] == "600 J [540, 720]"
    assert answers["over"] == "steps 0 to 30"
    assert answers["known or estimated"].startswith("known: measured: ")
    for words in ("read by rapl", "limit of error", "boundary compute", "2 runs on 1 node"):
        assert words in answers["how"]
    assert "energy to make the hardware" in answers["left out"]


@pytest.mark.parametrize(
    ("legs", "energy", "over"),
    [
        (("first", 0, 10, "third", 20, 30), "400 J [360, 480]", "20 steps of the runs in"),
        (("first", 0, 10, "again", 0, 20), "no sum", "not known"),
    ],
)
def test_an_incomplete_training_is_not_called_whole(
    legs: tuple[str, int, int, str, int, int], energy: str, over: str
) -> None:
    answers = for_documentation(leg(*legs[:3]), leg(*legs[3:]))
    assert answers["energy of the training"].startswith(energy)
    assert answers["over"].startswith(over)


@pytest.mark.parametrize(
    ("quality", "words"),
    [("estimated", "estimated: "), ("mixed", "partly known"), (None, "not known for every run")],
)
def test_an_estimate_is_not_called_known(quality: Quality | None, words: str) -> None:
    run = msgspec.structs.replace(leg("first", 0, 10), quality=quality)
    assert for_documentation(run)["known or estimated"].startswith(words)


def test_energies_of_the_runs_add_up_from_the_first_step() -> None:
    """Legs in any order: 30 steps of 2 at 10 [9, 12] J."""
    assert shown(leg("second", 10, 30), leg("first", 0, 10)) == [
        ["first", "0", "10", "200 J [180, 240]"],
        ["second", "10", "30", "400 J [360, 480]"],
        ["together", "0", "30", "600 J [540, 720]"],
    ]


def test_steps_that_no_run_covers_are_said() -> None:
    rows = shown(leg("first", 0, 10), leg("third", 20, 30))
    assert rows[1] == ["not in a run of this report", "10", "20", "not measured"]
    assert rows[-1] == ["together, 20 steps of the runs in this report", "", "", "400 J [360, 480]"]


@pytest.mark.parametrize(
    ("legs", "says"),
    [
        ((leg("first", 0, 10), leg("again", 0, 20)), "no sum: several runs did the same steps"),
        ((leg("first", 0, 10), leg("blind", 10, 20, measured=False)), "not measured"),
    ],
)
def test_no_sum_is_better_than_a_wrong_one(legs: tuple[Measurement, ...], says: str) -> None:
    assert shown(*legs)[-1][-1] == says


def test_each_training_has_its_tables_and_a_run_without_one_has_none() -> None:
    """Steps and answers of two trainings."""
    legs = (leg("a", 0, 10), leg("b", 0, 10, training="two"), cpu_node())
    heads = [table.head for table in tables(legs, {m.id: m.id for m in legs})]
    assert heads == [("run", "from", "to", "gross energy"), ("question", "answer")] * 2
    assert tables((cpu_node(),), {cpu_node().id: "a"}) == ()


def test_progress_that_goes_backwards_is_none() -> None:
    with pytest.raises(ValueError, match="from 5 to 4"):
        Progress(training="one", first=5, last=4, unit="step", work_per_unit=1)


def test_a_curve_of_one_value_is_drawn_from_zero() -> None:
    """ε of one private cell alone: an axis of no length would have its tick at 1."""
    alt = pytest.importorskip("altair")
    complete = sample_training.study()
    one = msgspec.structs.replace(complete, cells=complete.cells[:1])
    scales = {}
    for panel in spec(figures(alt, one)[0])["concat"]:
        y = next(
            layer["encoding"]["y"] for layer in panel["layer"] if "title" in layer["encoding"]["y"]
        )
        scales[y["title"]] = y["scale"]["zero"]
    assert scales == {
        "energy of a training (J)": False,
        "epsilon": True,
        "held-out accuracy": False,
    }
