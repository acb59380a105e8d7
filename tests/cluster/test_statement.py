"""The statement adds up only the energy of exclusive jobs, and only if it was measured once."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec
import pytest

from energybench.cli.slurm_text import statement_csv, statement_lines
from energybench.cluster import statement as stating
from energybench.cluster.accounts import FIELDS, Row, rows
from energybench.cluster.slurm_programs import NoAnswer
from energybench.cluster.spans import span
from energybench.cluster.statement import Line, Statement, lines, sums
from energybench.cluster.statement_questions import gather
from energybench.errors import BadInput
from tests.cluster.test_accounts import HEAD, line, saved

CPUS = {"n1": 8, "n2": 8, "n3": 8}
TWO = {"NodeList": "n[1-2]", "NNodes": "2", "AllocTRES": "cpu=16,node=2"}
SINCE_S, UNTIL_S = 0, 2_000_000_000


def stated(
    text: Sequence[str], since_s: int = SINCE_S, until_s: int = UNTIL_S, plug_in: str = "rapl"
) -> list[Line]:
    found = rows("\n".join([HEAD, *text]))
    return lines(found, CPUS, [plug_in], since_s, until_s)


def one(*text: str, **options: int) -> Line:
    (answer,) = stated(text, **options)  # type: ignore[arg-type]
    return answer


def extern(**cells: str) -> str:
    number = cells.pop("JobIDRaw", "120")
    return line(JobIDRaw=f"{number}.extern", JobID=f"{number}.extern", **cells)


def step(name: str, **cells: str) -> str:
    return line(JobIDRaw=f"120.{name}", JobID=f"120.{name}", **cells)


def test_an_exclusive_job_is_summed() -> None:
    answer = one(line(), extern())
    assert answer.flags == ("exclusive",)
    assert (answer.energy_j, answer.energy_from, answer.summed) == (5000, "extern", True)
    assert answer.node_s == 200
    assert answer.mean_w == 25


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ([line(AllocTRES="cpu=4,node=1"), extern()], ("shared",)),
        ([line(NodeList="gone1"), extern(NodeList="gone1")], ("sharing-unknown",)),
        ([line(ConsumedEnergyRaw="", ConsumedEnergy="")], ("exclusive", "blank")),
        (
            [line(ConsumedEnergyRaw="0"), extern(ConsumedEnergyRaw="0")],
            ("exclusive", "not-measured"),
        ),
        (
            [line(ConsumedEnergyRaw="1" + 20 * "0"), extern(ConsumedEnergyRaw="1" + 20 * "0")],
            ("exclusive", "not-measured"),
        ),
        # two nodes without Contain: the row is a sum of steps
        (
            [
                line(**TWO),
                step("0", NodeList="n[1-2]"),
                step("1", NodeList="n[1-2]"),
            ],
            ("exclusive", "overlapping-steps"),
        ),
        (
            [line(**TWO), step("0", NodeList="n2")],
            ("exclusive", "time-without-step"),
        ),
        ([line(State="RUNNING", End="Unknown"), extern(End="Unknown")], ("partial",)),
        # a signal to the whole job ended the step extern, whose energy the job's row holds
        ([line(), extern(End="150")], ("exclusive", "extern-ended-early")),
        (
            [
                line(**TWO),
                extern(NodeList="n[1-2]", End="250"),
                step("batch", NodeList="n1"),
            ],
            ("exclusive", "extern-ended-early"),
        ),
        # the step extern counted nothing, so that the job's row is the sum of its steps
        (
            [
                line(**TWO),
                extern(NodeList="n[1-2]", ConsumedEnergyRaw="0", ConsumedEnergy="0"),
                step("0", NodeList="n[1-2]"),
                step("1", NodeList="n[1-2]"),
            ],
            ("exclusive", "overlapping-steps"),
        ),
        (
            [
                line(**TWO),
                extern(NodeList="n[1-2]", ConsumedEnergyRaw="", ConsumedEnergy=""),
                step("0", NodeList="n1"),
            ],
            ("exclusive", "time-without-step"),
        ),
        # so short that every step fills the job's time: the step lacks a node all the same
        (
            [
                line(NodeList="n[1-3]", NNodes="3", AllocTRES="cpu=24,node=3", End="102"),
                step("0", NodeList="n1", End="102"),
            ],
            ("exclusive", "time-without-step"),
        ),
        # the batch step ended early as well, and steps of srun filled half of the time
        (
            [line(), step("batch", End="200"), step("0", End="200")],
            ("exclusive", "time-without-step"),
        ),
    ],
)
def test_what_is_not_summed(text: list[str], flags: tuple[str, ...]) -> None:
    answer = one(*text)
    assert set(flags) <= set(answer.flags)
    assert not answer.summed
    assert sums([answer]).jobs == 0
    assert sums([answer]).mean_node_w is None


def test_steps_one_after_the_other_are_summed() -> None:
    """Two nodes without Contain, whose steps fill the job's time once."""
    answer = one(
        line(**TWO),
        step("0", NodeList="n[1-2]", End="200"),
        step("1", NodeList="n[1-2]", Start="200"),
    )
    assert answer.flags == ("exclusive",)
    assert answer.energy_from == "steps"
    assert answer.summed


@pytest.mark.parametrize("length_s", [1, 2, 4, 20, 200])
@pytest.mark.parametrize("nodes", [2, 3])
def test_the_batch_step_stands_for_no_other_node(length_s: int, nodes: int) -> None:
    """However short the job is: its batch step has one node of several."""
    names, end = f"n[1-{nodes}]", str(100 + length_s)
    several = {"NodeList": names, "NNodes": str(nodes), "AllocTRES": f"cpu={8 * nodes},node=x"}
    joules = str(50 * length_s * nodes)
    answer = one(
        line(**several, End=end, ConsumedEnergyRaw=joules),
        step("batch", NodeList="n1", End=end, ConsumedEnergyRaw=str(50 * length_s)),
        step("0", NodeList=names, End=end, ConsumedEnergyRaw=joules),
    )
    assert (answer.energy_from, answer.energy_j) == ("steps", float(joules))


def test_a_job_on_one_node_without_contain_takes_its_batch_step() -> None:
    """Its own row may be blank, and counts overlapping steps twice."""
    answer = one(
        line(ConsumedEnergyRaw="9000"),
        step("batch", ConsumedEnergyRaw="5000"),
        step("0", ConsumedEnergyRaw="4500"),
        step("1", ConsumedEnergyRaw="4500"),
    )
    assert (answer.energy_j, answer.energy_from) == (5000, "batch")
    assert answer.summed


def test_a_job_on_one_node_whose_extern_ended_early_takes_its_batch_step() -> None:
    answer = one(
        line(ConsumedEnergyRaw="900"),
        extern(ConsumedEnergyRaw="900", End="150"),
        step("batch", ConsumedEnergyRaw="5000"),
    )
    assert (answer.energy_j, answer.energy_from, answer.summed) == (5000, "batch", True)
    assert answer.flags == ("exclusive",)


def test_an_extern_that_ends_within_its_whole_seconds_is_whole() -> None:
    assert one(line(), extern(End="298")).flags == ("exclusive",)


@pytest.mark.parametrize(
    ("plug_in", "tres", "flagged"),
    [
        ("rapl", "cpu=8,node=1,gres/gpu=4", True),
        ("rapl", "cpu=8,gres/gpu:a100=4,node=1", True),
        ("rapl", "cpu=8,node=1", False),
        ("gpu", "cpu=8,node=1,gres/gpu=4", False),
        ("ipmi", "cpu=8,node=1,gres/gpu=4", False),
        ("a_plug_in_of_tomorrow", "cpu=8,node=1,gres/gpu=4", False),
    ],
)
def test_energy_without_the_gpus_is_said(plug_in: str, tres: str, flagged: bool) -> None:
    """A sum over CPU packages and memory of jobs that held GPUs is no energy of those jobs."""
    jobs = stated([line(AllocTRES=tres), extern(AllocTRES=tres)], plug_in=plug_in)
    assert ("without-gpus" in jobs[0].flags) is flagged
    assert sums(jobs).without_gpus == flagged
    text = "\n".join(statement_lines(document(jobs)))
    assert ("1 of them held GPUs" in text) is flagged
    assert "energy of cpu.package, cpu.dram alone" in text


def test_a_job_beyond_the_time_is_partial() -> None:
    assert "partial" in one(line(), extern(), since_s=150).flags
    assert "partial" in one(line(), extern(), until_s=250).flags


def test_two_jobs_on_a_node_share_it() -> None:
    """Whatever their CPUs say; a job that begins when the other ends does not share."""
    both = [line(), extern(), line(JobIDRaw="121", JobID="121"), extern(JobIDRaw="121")]
    assert [answer.flags for answer in stated(both)] == [("shared",), ("shared",)]
    after = {"JobIDRaw": "121", "Start": "300", "End": "400"}
    follow = [line(), extern(), line(**{**after, "JobID": "121"}), extern(**after)]
    assert [answer.flags for answer in stated(follow)] == [("exclusive",), ("exclusive",)]


def test_starts_of_a_job_are_one_line() -> None:
    """The energy of a job that was put back is that of all starts: a real cluster's."""
    found = lines(
        saved("sacct_22.05_contain.txt"), {f"gpu{i}": 16 for i in (1, 2)}, ["rapl"], 0, UNTIL_S
    )
    by_job = {answer.job: answer for answer in found}
    assert by_job["5"].starts == 2
    assert by_job["5"].energy_j == 390 + 391
    assert by_job["5"].flags == ("exclusive", "without-gpus", "requeued")
    assert by_job["5"].summed
    assert "shared" in by_job["2_1"].flags
    assert by_job["1"].flags == ("sharing-unknown",)


def test_a_job_that_never_started_has_no_line() -> None:
    assert stated([line(Start="None", End="300", ElapsedRaw="0", State="CANCELLED by 0")]) == []


def test_without_a_plug_in_nothing_was_measured() -> None:
    (answer,) = lines(rows(f"{HEAD}\n{line(ConsumedEnergyRaw='7')}"), CPUS, [], SINCE_S, UNTIL_S)
    assert answer.energy_j is None


# ---------------------------------------------------------------- questions


def row(**cells: str) -> Row:
    (answer,) = rows(f"{HEAD}\n{line(**cells)}")
    return answer


def test_one_question_for_all_jobs() -> None:
    many = [row(JobIDRaw=str(number)) for number in range(5000)]
    found, questions = gather(0, 10**6, lambda begin_s, end_s: many)
    assert (len(found), questions) == (5000, 1)


def test_a_time_without_an_answer_is_halved() -> None:
    """A job that ran in both halves is there once."""
    asked: list[tuple[int, int]] = []

    def ask(begin_s: int, end_s: int) -> list[Row]:
        asked.append((begin_s, end_s))
        if end_s - begin_s > 50_000:
            raise NoAnswer("sacct did not answer within 1 s")
        return [row(), row(JobIDRaw=str(begin_s + 1), Submit=str(begin_s))]

    found, questions = gather(0, 100_000, ask)
    assert asked == [(0, 100_000), (96_400, 100_000), (0, 50_000), (50_000, 100_000)]
    assert questions == 4
    assert sorted(each.job for each in found) == [1, 120, 50_001]


def test_an_hour_without_an_answer_is_an_error() -> None:
    asked: list[int] = []

    def ask(begin_s: int, end_s: int) -> list[Row]:
        asked.append(end_s - begin_s)
        raise NoAnswer("sacct did not answer within 1 s")

    with pytest.raises(BadInput, match="give no answer"):
        gather(0, 3600, ask)
    with pytest.raises(BadInput, match="give no answer"):
        gather(0, 10**8, ask)
    assert asked == [3600, 10**8, 3600]  # no long search for an answer that cannot come


def test_the_time_of_a_statement() -> None:
    assert span("7d", None, now_s=1_000_000) == (1_000_000 - 604_800, 1_000_000)
    assert span("1970-01-02T00:00+00:00", "1970-01-03T00:00+00:00") == (86400, 172_800)
    for since in ("yesterday", "", "7", "2026-13-01"):
        with pytest.raises(BadInput, match="--since"):
            span(since, None)
    with pytest.raises(BadInput, match="before the end"):
        span("1970-01-03", "1970-01-02")


# ---------------------------------------------------------------- text


def document(jobs: list[Line]) -> Statement:
    return Statement(
        cluster="c",
        version="22.05.8",
        plug_ins=("rapl",),
        components=("cpu.package", "cpu.dram"),
        since_utc="",
        until_utc="",
        settling=False,
        account=None,
        user=None,
        questions=1,
        jobs=tuple(jobs),
        sums=sums(jobs),
    )


def test_csv_has_a_line_for_each_job() -> None:
    """An energy that was not measured is an empty cell; a name cannot become a formula."""
    jobs = stated([line(JobName="=1+1", ConsumedEnergyRaw="", ConsumedEnergy="")])
    (cells,) = csv.DictReader(io.StringIO(statement_csv(document(jobs)).decode()))
    assert cells["energy_j"] == ""
    assert cells["name"] == "'=1+1"
    assert cells["flags"] == "exclusive blank"


def test_text_says_what_is_left_out() -> None:
    other = line(JobIDRaw="121", JobID="121", AllocTRES="cpu=1", Start="900", End="990")
    jobs = stated([line(), extern(), other])
    text = "\n".join(statement_lines(document(jobs)))
    assert "sum over 1 exclusive, measured job: 5.000 kJ" in text
    assert "left out: 1 job (1 shared, 1 time-without-step)" in text


@pytest.mark.parametrize("settling", [False, True])
def test_text_says_that_the_last_jobs_may_be_missing(settling: bool) -> None:
    """Only of a time that reaches up to the question."""
    stating_now = msgspec.structs.replace(document(stated([line()])), settling=settling)
    text = "\n".join(statement_lines(stating_now))
    assert ("in the last minute may be missing" in text) is settling


def test_flags_are_explained() -> None:
    assert set(stating.FLAGS) >= {flag for answer in stated([line()]) for flag in answer.flags}
    assert len(FIELDS) == len(set(FIELDS))
