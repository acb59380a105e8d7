"""One judgement, for every command, of whether a run of a campaign has its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from energybench.campaigns.campaign_folder import State, whole
from energybench.campaigns.planned_runs import PlannedJob, PlannedRun
from energybench.campaigns.power_caps import as_requested, contradiction
from energybench.model import Measurement

Unfinished = Literal["measured in part", "ended without a result", "not submitted"]


class Judgement(NamedTuple):
    """What the store and the submitted jobs tell about a run, without a question to Slurm.

    state   "done": whole, correct and under the requested power cap on as many machines as was
            asked for; "measured in part": on fewer
    reason  why measurements do not count, or on how many machines the run was measured
    """

    state: Literal["done"] | Unfinished
    reason: str = ""


def judge(
    job: PlannedJob, run: PlannedRun, measured: Sequence[Measurement], state: State, *, local: bool
) -> Judgement:
    """The judgement of a run of a job. A run that was submitted and left nothing behind counts as
    ended: only Slurm knows whether its job waits or runs.
    """
    if is_done(job, measured, local=local):
        return Judgement("done")
    if results := len(whole(as_requested(measured, run.setting))):
        on = f"on {results} of {machines(job, local=local)} machines"
        return Judgement("measured in part", "; ".join(filter(None, [on, _why(run, measured)])))
    if measured or any(run.key in submitted.keys for submitted in state.jobs):
        return Judgement("ended without a result", _why(run, measured))
    return Judgement("not submitted")


def is_done(job: PlannedJob, measured: Sequence[Measurement], *, local: bool) -> bool:
    """Whether a run of the job was measured, on as many machines as was asked for."""
    return len(whole(as_requested(measured, job.setting))) >= machines(job, local=local)


def machines(job: PlannedJob, *, local: bool) -> int:
    """On how many machines each run of the job is to be measured."""
    return 1 if local else job.spread


def _why(run: PlannedRun, measured: Sequence[Measurement]) -> str:
    """Why measurements do not count; "" if none of them fails to."""
    if any(one.failed_checks for one in measured):
        return "a check failed"
    if any(one.partial for one in measured):
        return "no repeat is whole"
    return next((words for one in measured if (words := contradiction(one, run.setting))), "")
