"""The rows of a job in order: the starts of the job with their steps, and the time and nodes of
each row. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from energybench.cluster.accounts import Row
from energybench.node_names import expanded

RowKind = Literal["job", "batch", "extern", "step"]
# Start and end are cut to whole seconds: each lies within the second that begins then.
_MIDDLE_S = 0.5


class Start(NamedTuple):
    """A start of a job: a job that was put back into the queue has several starts.

    number  how often Slurm had started the job before, as SLURM_RESTART_COUNT says
    job     the job's row; of a job whose nodes changed while it ran, its last row
    steps   of all rows of the job in this start
    holder  which of the jobs that have had this job's number, from 0: numbers begin again after
            MaxJobId, and after a controller has lost its state
    earlier the job's rows before each change of its nodes (state RESIZING), in order
    """

    number: int
    job: Row
    steps: tuple[Row, ...]
    holder: int = 0
    earlier: tuple[Row, ...] = ()

    @property
    def key(self) -> tuple[str, int, int]:
        """Distinguishes the job from other jobs in the accounts."""
        return (self.job.cluster, self.job.job, self.holder)

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*self.sections, *self.steps)

    @property
    def sections(self) -> tuple[Row, ...]:
        """The job's rows in this start: one more than changes of its nodes."""
        return (*self.earlier, self.job)

    @property
    def is_resized(self) -> bool:
        """Whether nodes left or joined the job while it ran: scontrol update NumNodes, or a node
        that failed under --no-kill.

        The row after a change states the time of the change as that of its submission, and may
        state the start of the whole job. The row before may lie outside the time of the question.
        """
        submit_s, start_s = self.job.submit_s, self.job.start_s
        if submit_s is None or start_s is None:
            return bool(self.earlier)
        return bool(self.earlier) or submit_s > start_s

    @property
    def elapsed_s(self) -> int:
        first_s, end_s = self.sections[0].start_s, self.job.end_s
        if self.earlier and first_s is not None and end_s is not None:
            return end_s - first_s
        return self.job.elapsed_s or 0

    @property
    def windows(self) -> tuple[RowWindow, ...]:
        """Time and nodes of each section. The row of a job that shrank states the start of the
        whole job, that of a job that lost a node the start of the section: a section begins when
        the one before ends.
        """
        places = [place for row in self.sections if (place := window(row)) is not None]
        for i in range(1, len(places)):
            begins_s = max(places[i].start_s, places[i - 1].end_s)
            places[i] = places[i]._replace(start_s=begins_s)
        return tuple(places)

    @property
    def extern(self) -> Row | None:
        return next((step for step in self.steps if step.step == "extern"), None)

    @property
    def own_steps(self) -> tuple[Row, ...]:
        """The steps of srun. Their sum is the job's row if the job has no step `extern`. The sum
        leaves out the row of the batch script: _internal_step_complete of src/stepmgr/stepmgr.c.
        """
        return tuple(step for step in self.steps if step.step not in ("batch", "extern"))

    @property
    def sums_steps(self) -> bool:
        """Whether the job's row is a sum of steps: without PrologFlags=Contain no step `extern`
        exists. Derived from the job, because the site may have changed its configuration since.
        """
        return self.extern is None and bool(self.steps)


class RowWindow(NamedTuple):
    """Time and nodes of a row; times are seconds since 1970, in the middle of Slurm's second."""

    start_s: float
    end_s: float
    nodes: tuple[str, ...]

    @property
    def node_s(self) -> float:
        return (self.end_s - self.start_s) * len(self.nodes)


def starts(rows: Iterable[Row]) -> list[Start]:
    """The starts of every job, in the order of the accounts; steps follow their job's row."""
    jobs: list[tuple[Row, list[Row]]] = []
    latest: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        key = (row.cluster, row.job)
        if not row.step:
            latest[key] = []
            jobs.append((row, latest[key]))
        elif key in latest:
            latest[key].append(row)
    before: dict[tuple[str, int], Start] = {}
    by_row: dict[int, Start] = {}
    for job, steps in sorted(jobs, key=lambda pair: _order(pair[0])):
        key = (job.cluster, job.job)
        last, number, holder = before.get(key), 0, 0
        if last is not None and _goes_on(last.job, job):
            by_row.pop(id(last.job))
            by_row[id(job)] = before[key] = last._replace(
                job=job, steps=(*last.steps, *steps), earlier=last.sections
            )
            continue
        if last is not None and _is_put_back(last.job, job):
            number, holder = last.number + (last.job.start_s is not None), last.holder
        elif last is not None:
            holder = last.holder + 1
        by_row[id(job)] = before[key] = Start(number, job, tuple(steps), holder)
    return [by_row[id(job)] for job, _ in jobs if id(job) in by_row]


def _order(job: Row) -> tuple[int, int]:
    """By start, and rows that state the same start by the changes of its nodes, which they state as
    their submission.
    """
    submit_s = job.submit_s or 0
    return job.start_s or submit_s, submit_s


def _goes_on(last: Row, job: Row) -> bool:
    """Whether a row is the next one of the same start, whose nodes changed."""
    if last.state != "RESIZING" or last.end_s is None or job.start_s is None:
        return False
    return job.user == last.user and job.start_s <= last.end_s + 1


# Longest time between the end of a start and the return of the job into the queue: the epilog runs,
# and `scontrol requeue` takes a job that ended up to MinJobAge ago (300 s by default).
_MOST_PUT_BACK_S = 3600


def _is_put_back(last: Row, job: Row) -> bool:
    """Whether a row continues the same job, put back into the queue, rather than another job with
    the same number.

    User and name stay. The time of submission becomes the time of the requeue (sacct(1), "Submit").
    """
    if (last.user, last.job_name) != (job.user, job.job_name):
        return False
    if last.submit_s is None or job.submit_s is None or last.submit_s == job.submit_s:
        return True
    ended_s = last.end_s if last.end_s is not None else last.submit_s
    return last.submit_s <= job.submit_s <= ended_s + _MOST_PUT_BACK_S


def kind(row: Row) -> RowKind:
    if row.step == "batch":
        return "batch"
    if row.step == "extern":
        return "extern"
    return "step" if row.step else "job"


def window(row: Row) -> RowWindow | None:
    """None for a row without start, end or nodes."""
    nodes = expanded(row.node_list)
    if row.start_s is None or row.end_s is None or row.end_s < row.start_s or not nodes:
        return None
    return RowWindow(row.start_s + _MIDDLE_S, row.end_s + _MIDDLE_S, nodes)


# Share of a job's node-seconds that steps may miss or overlap unnoticed, and the rounding of both
# ends of a step to whole seconds.
_SLACK, _SLACK_S = 0.02, 2.0


def slack_s(place: RowWindow) -> float:
    """Node-seconds of a row that its steps may miss or overlap unnoticed."""
    return max(_SLACK * place.node_s, _SLACK_S * len(place.nodes))


def lasts_as_long(step: Row, place: RowWindow) -> bool:
    """Whether a step has all nodes and the whole time of its job, except perhaps the last seconds.

    Slurm keeps the step `extern` alive by a sleeping process, and a signal to the whole job
    (scancel --signal) ends the sleeping process: the step then ends, and counts, before the job
    does.
    """
    own = window(step)
    if own is None or not set(own.nodes) >= set(place.nodes):
        return False
    missed_s = (place.end_s - place.start_s) - (own.end_s - own.start_s)
    return missed_s * len(place.nodes) <= slack_s(place)


def overlap_s(windows: Sequence[RowWindow]) -> float:
    """Node-seconds in more than one of the windows, counted once for each surplus window."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for each in windows:
        for node in each.nodes:
            spans.setdefault(node, []).append((each.start_s, each.end_s))
    twice_s = 0.0
    for node_spans in spans.values():
        reach_s = float("-inf")
        for start_s, end_s in sorted(node_spans):
            twice_s += max(min(reach_s, end_s) - start_s, 0.0)
            reach_s = max(reach_s, end_s)
    return twice_s
