"""How far a campaign is: the state of every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from energybench.campaigns.campaign import Campaign
from energybench.campaigns.campaign_folder import CampaignFolder, State
from energybench.campaigns.judging import Judgement, Unfinished, judge
from energybench.campaigns.planned_runs import PlannedRun, planned_jobs
from energybench.campaigns.queue import QueuedJob, ended_jobs, own_jobs
from energybench.model import Measurement, Noun

RunState = Literal[Unfinished, "done", "waiting", "running"]


class RunProgress(Noun, frozen=True, kw_only=True):
    """The state of a run.

    job    number of its latest job
    note   why the job waits, where it runs, or how it ended
    runs   ids of the measurements
    """

    run: str
    state: RunState
    job: str | None = None
    note: str = ""
    runs: tuple[str, ...] = ()


class CampaignProgress(Noun, frozen=True, kw_only=True):
    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["campaign-status"] = "campaign-status"
    campaign: str
    title: str
    folder: str
    runs: tuple[RunProgress, ...]


def progress(campaign: Campaign, folder: CampaignFolder, *, local: bool) -> CampaignProgress:
    """The state of every run. Raises BadInput if Slurm does not answer."""
    jobs = planned_jobs(campaign)
    state = folder.state(campaign)
    queue = known_jobs(state) if not local else {}
    measured = folder.measurements([run.key for job in jobs for run in job.runs])
    rows = [
        _row(
            run,
            judge(job, run, measured[run.key], state, local=local),
            measured[run.key],
            state,
            queue,
        )
        for job in jobs
        for run in job.runs
    ]
    return CampaignProgress(
        campaign=campaign.name,
        title=campaign.title,
        folder=str(folder.path),
        runs=tuple(rows),
    )


def known_jobs(state: State) -> dict[str, QueuedJob]:
    """The submitted jobs by number, as Slurm knows them. Raises BadInput."""
    numbers = [job.id for job in state.jobs if job.id is not None]
    if not numbers:
        return {}
    queue = {job.id: job for job in own_jobs()}
    gone = [number for number in numbers if number not in queue]
    return {**queue, **{job.id: job for job in ended_jobs(gone)}}


def _row(
    run: PlannedRun,
    judgement: Judgement,
    measured: Sequence[Measurement],
    state: State,
    queue: dict[str, QueuedJob],
) -> RunProgress:
    job = next((job for job in reversed(state.jobs) if run.key in job.keys), None)
    queued = queue.get(job.id) if job is not None and job.id is not None else None
    word: RunState = judgement.state
    note = ""
    if queued is not None:
        note = f"{queued.state} {queued.note}".strip()
    if judgement.state == "done":
        note = ""
    elif queued is not None and (queued.waits or queued.runs):
        word = "waiting" if queued.waits else "running"
    else:
        note = "; ".join(filter(None, [note, judgement.reason]))
    return RunProgress(
        run=run.name,
        state=word,
        job=job.id if job is not None else None,
        note=note,
        runs=tuple(one.id for one in measured),
    )
