"""A job whose nodes changed while it ran: rows of the state RESIZING are sections of one start."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.cluster.accounts import rows
from energybench.cluster.checking import JobCheck, check
from energybench.cluster.row_windows import starts
from energybench.cluster.slurm_configuration import configuration
from energybench.cluster.statement import lines, sums
from energybench.measuring.session import ranges
from tests.cluster.test_accounts import HEAD, SAVED, line, saved

CPUS = {f"cpu{i}": 16 for i in (1, 2, 3)}
UNTIL_S = 2_000_000_000
RESIZED = "sacct_22.05_resized.txt"


def checked(number: int, store: Path) -> JobCheck:
    config = configuration((SAVED / "config_22.05.txt").read_text())
    of_job = [row for row in saved(RESIZED) if row.job == number]
    return check(str(number), of_job, config, store, ranges())


def test_a_job_that_shrank_is_one_start() -> None:
    """Two nodes for 8 s, then one of them for 6 s; a real cluster's rows."""
    (start,) = [start for start in starts(saved(RESIZED)) if start.job.job == 1]
    assert (start.number, start.holder, start.is_resized) == (0, 0, True)
    assert [place.node_s for place in start.windows] == [2 * 8, 6]
    assert start.extern is not None
    assert not start.sums_steps
    answer = lines(saved(RESIZED), CPUS, ["rapl"], 0, UNTIL_S)[0]
    assert (answer.state, answer.starts, answer.elapsed_s, answer.node_s) == (
        "COMPLETED",
        1,
        14,
        22,
    )
    assert answer.flags == ("exclusive", "resized")
    assert answer.energy_j is None
    assert not answer.summed
    assert sums([answer]).left_out == {"resized": 1}


def test_a_job_that_shrank_twice_and_was_put_back_is_one_start() -> None:
    """Three nodes for 4 s, two for 4 s, one for 3 s; it then waits for its second start."""
    (start,) = [start for start in starts(saved(RESIZED)) if start.job.job == 2]
    assert [place.node_s for place in start.windows] == [3 * 4, 2 * 4, 3]
    answer = lines(saved(RESIZED), CPUS, ["rapl"], 0, UNTIL_S)[1]
    assert (answer.starts, answer.elapsed_s, answer.node_s) == (1, 11, 23)
    assert set(answer.flags) == {"exclusive", "resized"}


def test_a_job_that_lost_a_node_and_went_on_is_one_start() -> None:
    """--no-kill: two nodes for 4 s, then one for 16 s, whose row states its own start."""
    (start,) = [start for start in starts(saved(RESIZED)) if start.job.job == 6]
    assert [place.node_s for place in start.windows] == [2 * 4, 16]
    answer = lines(saved(RESIZED), CPUS, ["rapl"], 0, UNTIL_S)[2]
    assert (answer.starts, answer.elapsed_s, answer.node_s) == (1, 20, 24)
    assert set(answer.flags) == {"exclusive", "resized"}


@pytest.mark.parametrize("number", [1, 2, 6])
def test_check_names_the_change_and_no_other_cause(number: int, tmp_path: Path) -> None:
    answer = checked(number, tmp_path)
    notes = " ".join(answer.notes)
    assert "nodes left or joined the job" in notes
    assert "was started" not in notes
    assert "no PrologFlags=Contain" not in notes
    assert "had this number" not in notes
    assert {row.restart for row in answer.rows} == {0}
    assert not any(row.finding == "not-ended" for row in answer.rows)
    unread = [row for row in answer.rows if row.state == "RESIZING" or row.kind == "job"]
    assert {row.finding for row in unread} == {"not-measured"}
    assert all("nodes left or joined" in row.why and not row.bugs for row in unread)


def test_a_row_of_which_the_accounts_show_no_earlier_one() -> None:
    """The question began after the change: its time is the row's time of submission."""
    text = f"{HEAD}\n{line(Submit='200')}\n"
    (answer,) = lines(rows(text), {"n1": 8}, ["rapl"], 0, UNTIL_S)
    assert answer.flags == ("exclusive", "resized")
    assert not answer.summed


def test_a_job_that_is_being_resized_has_not_ended() -> None:
    (row,) = rows(f"{HEAD}\n{line(State='RESIZING', End='Unknown')}\n")
    assert not row.ended


def test_the_nodes_that_left_are_free_for_another_job() -> None:
    """Another job on the nodes that left shares these nodes with the resized job only if the other
    job began before the nodes left.
    """
    sections = [
        line(State="RESIZING", End="200", NodeList="cpu[1-2]", NNodes="2", AllocTRES="cpu=32"),
        line(Submit="200", NodeList="cpu1", AllocTRES="cpu=16"),
    ]
    for start_s, shares in (("201", False), ("150", True)):
        other = line(JobIDRaw="121", JobID="121", Start=start_s, NodeList="cpu2")
        found = lines(rows("\n".join([HEAD, *sections, other])), CPUS, ["rapl"], 0, UNTIL_S)
        assert ("shared" in found[0].flags) == shares
