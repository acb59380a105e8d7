"""Slurm may give a job number again: the two jobs are told apart. A requeued job is one job."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.cluster.accounts import rows
from energybench.cluster.checking import check
from energybench.cluster.row_windows import starts
from energybench.cluster.slurm_configuration import configuration
from energybench.cluster.statement import Line, lines, sums
from tests.cluster.test_accounts import HEAD, SAVED, line

CPUS = {"n1": 8, "n2": 8}
FIRST = {"User": "alice", "JobName": "first"}
# the plain row of the tests begins at 100 and ends at 300
LATER = {"Submit": "900000", "Start": "900010", "End": "900210"}


def start(**cells: str) -> list[str]:
    """A start of a job with its step extern."""
    number = cells.get("JobIDRaw", "120")
    return [line(**cells), line(**cells | {"JobIDRaw": f"{number}.extern", "User": ""})]


def stated(*of_starts: list[str]) -> list[Line]:
    text = "\n".join([HEAD, *(row for each in of_starts for row in each)])
    return lines(rows(text), CPUS, ["rapl"], 0, 2_000_000_000)


@pytest.mark.parametrize(
    "second",
    [
        LATER | {"User": "bob", "JobName": "second"},
        LATER | {"User": "alice", "JobName": "second"},
        LATER | {"User": "bob", "JobName": "first"},
        # the same user's next job of this name, days later: the controller lost its state
        LATER | FIRST,
        # soon after the first one
        {"Submit": "310", "Start": "320", "End": "520", "User": "bob", "JobName": "first"},
        {"Submit": "310", "Start": "320", "End": "520", "User": "alice", "JobName": "second"},
        # on another node
        LATER | FIRST | {"NodeList": "n2"},
    ],
)
def test_two_jobs_with_one_number_are_two_lines(second: dict[str, str]) -> None:
    answers = stated(start(**FIRST), start(**second))
    assert [(each.user, each.name) for each in answers] == [
        ("alice", "first"),
        (second["User"], second["JobName"]),
    ]
    assert [(each.starts, each.energy_j, each.flags) for each in answers] == [
        (1, 5000, ("exclusive",)),
        (1, 5000, ("exclusive",)),
    ]
    assert sums(answers).jobs == 2


@pytest.mark.parametrize(
    "again",
    [
        {"Submit": "300", "Start": "310", "End": "400"},  # at the end of the first start
        {"Submit": "420", "Start": "1000", "End": "1100"},  # after a long epilog
        {"Submit": "100", "Start": "310", "End": "400"},  # a version that keeps the time
        {"Submit": "Unknown", "Start": "310", "End": "400"},
        {"Submit": "300", "Start": "900000", "End": "900100"},  # waited for days
        {"Submit": "300", "Start": "310", "End": "400", "Account": "other"},
    ],
)
@pytest.mark.parametrize("state", ["REQUEUED", "PREEMPTED", "NODE_FAIL", "COMPLETED"])
def test_a_job_that_was_put_back_is_one_line(again: dict[str, str], state: str) -> None:
    (answer,) = stated(start(**FIRST, State=state), start(**FIRST, **again))
    assert (answer.starts, answer.energy_j, answer.flags) == (2, 10000, ("exclusive", "requeued"))


def test_each_job_with_a_reused_number_has_its_own_starts() -> None:
    """Two starts of the first job, two of the second one; the restarts count from zero again."""
    again = {"Submit": "300", "Start": "310", "End": "400"}
    later_again = {"Submit": "900210", "Start": "900220", "End": "900300"}
    every = [FIRST, FIRST | again, LATER | {"User": "bob"}, later_again | {"User": "bob"}]
    answers = stated(*(start(**cells) for cells in every))
    assert [(each.user, each.starts) for each in answers] == [("alice", 2), ("bob", 2)]
    text = "\n".join([HEAD, *(row for cells in every for row in start(**cells))])
    found = [(each.holder, each.number, len(each.steps)) for each in starts(rows(text))]
    assert found == [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]


def test_a_row_that_never_started_ties_the_starts_around_it() -> None:
    waiting = {"Submit": "300", "Start": "None", "End": "5000", "ElapsedRaw": "0"}
    last = {"Submit": "5000", "Start": "5010", "End": "5100"}
    (answer,) = stated(start(**FIRST), [line(**FIRST, **waiting)], start(**FIRST, **last))
    assert answer.starts == 2


@pytest.mark.parametrize(
    "own",
    [
        {"JobID": "118_2"},  # a task of an array
        {"JobID": "120+0"},  # a component of a heterogeneous job
    ],
)
def test_tasks_and_components_are_told_apart_as_well(own: dict[str, str]) -> None:
    answers = stated(start(**FIRST, **own), start(**LATER, **own, User="bob"))
    assert [(each.job, each.user) for each in answers] == [
        (own["JobID"], "alice"),
        (own["JobID"], "bob"),
    ]


def test_another_job_beside_one_of_them_shares_with_that_one_alone() -> None:
    beside = {"JobIDRaw": "121", "JobID": "121", "Start": "900100", "End": "900150"}
    answers = stated(start(**FIRST), start(**LATER, User="bob"), start(**beside, User="carl"))
    assert [each.flags[0] for each in answers] == ["exclusive", "shared", "shared"]


def test_the_check_of_a_reused_number_says_so(tmp_path: Path) -> None:
    config = configuration((SAVED / "config_22.05.txt").read_text())
    text = "\n".join([HEAD, *start(**FIRST), *start(**LATER, User="bob")])
    answer = check("120", rows(text), config, tmp_path, {})
    assert [row.restart for row in answer.rows] == [0] * 4
    notes = " ".join(answer.notes)
    assert "2 jobs had this number" in notes
    assert "was started" not in notes
