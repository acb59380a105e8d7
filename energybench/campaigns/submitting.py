"""Handing the missing runs of a campaign to Slurm."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from energybench.campaigns.campaign import Campaign
from energybench.campaigns.campaign_folder import CampaignFolder, State, SubmittedJob, with_job
from energybench.campaigns.charging import check_accounts, read_back, requests, variables
from energybench.campaigns.judging import is_done
from energybench.campaigns.planned_runs import PlannedJob, planned_jobs
from energybench.campaigns.progress import known_jobs
from energybench.campaigns.queue import own_jobs
from energybench.campaigns.script import script
from energybench.cluster.slurm_environment import of_new_job
from energybench.cluster.slurm_programs import NoAnswer, output, path_of
from energybench.errors import BadInput, StorageFailed, brief
from energybench.store.durable import replace_file

Say = Callable[[str], None]


def submit(campaign: Campaign, folder: CampaignFolder, where: str, say: Say) -> list[SubmittedJob]:
    """Submit the runs that are not measured, waiting or running. The accounts are checked and Slurm
    tests every script first: if one of them is refused, nothing is submitted.

    say  receives notes for the user, such as the reason why accounts were not checked

    Raises BadInput if Slurm refuses a job or does not answer, and StorageFailed.
    """
    path_of("sbatch")
    with folder.locked():
        state = _with_lost_numbers(folder, folder.state(campaign))
        at_work = {number for number, job in known_jobs(state).items() if job.waits or job.runs}
        busy = {key for job in state.jobs if job.id in at_work for key in job.keys}
        jobs = missing(campaign, folder, busy)
        wanted = {
            job.platform: requests(job.platform, campaign.platforms[job.platform]) for job in jobs
        }
        site, notes = check_accounts(list(wanted.values()), where)
        files = [write_script(campaign, job, folder) for job in jobs]
        for job, file in zip(jobs, files, strict=True):
            _sbatch(["--test-only"], campaign, job, file, folder, where)
        for note in notes:
            say(note)
        submitted = []
        for job, file in zip(jobs, files, strict=True):
            entry = SubmittedJob(
                id=None,
                name=f"{campaign.name}.{job.name}",
                keys=tuple(run.key for run in job.runs),
                submitted_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            state = with_job(state, entry)
            folder.write(state)  # before sbatch: a kill in between must not lose the job
            text = _sbatch(["--parsable"], campaign, job, file, folder, where)
            number = job_number(text)
            if number is None:
                # the next `submit` looks the job up by its name
                raise BadInput(
                    f"{where}: platforms.{job.platform}",
                    f"sbatch printed no number of a job: {brief(' '.join(text.split()), 200)!r}",
                    "see squeue, and submit again",
                )
            entry = SubmittedJob(
                id=number, name=entry.name, keys=entry.keys, submitted_utc=entry.submitted_utc
            )
            state = with_job(state, entry)
            folder.write(state)
            for note in read_back(number, wanted[job.platform], site, where):
                say(note)
            submitted.append(entry)
    return submitted


def missing(
    campaign: Campaign, folder: CampaignFolder, busy: set[str], *, local: bool = False
) -> list[PlannedJob]:
    """The planned jobs with their missing runs."""
    jobs = planned_jobs(campaign)
    measured = folder.measurements([run.key for job in jobs for run in job.runs])
    left = []
    for job in jobs:
        runs = tuple(
            run
            for run in job.runs
            if run.key not in busy and not is_done(job, measured[run.key], local=local)
        )
        if runs:
            left.append(job._replace(runs=runs))
    return left


def _with_lost_numbers(folder: CampaignFolder, state: State) -> State:
    """The state after an earlier submission that was cut off: a job without a recorded number is
    looked up by its name and folder, and forgotten if Slurm lacks the job.
    """
    lost = [job for job in state.jobs if job.id is None]
    if not lost:
        return state
    known = {job.id for job in state.jobs}
    output_folder = str(folder.output)
    queue = {
        job.name: job.id
        for job in own_jobs()
        if job.id not in known and job.folder == output_folder
    }
    kept = tuple(job for job in state.jobs if job.id is not None)
    recovered = tuple(
        SubmittedJob(
            id=queue[job.name], name=job.name, keys=job.keys, submitted_utc=job.submitted_utc
        )
        for job in lost
        if job.name in queue
    )
    state = State(campaign=state.campaign, jobs=kept + recovered)
    folder.write(state)
    return state


def write_script(
    campaign: Campaign, job: PlannedJob, folder: CampaignFolder, *, local: bool = False
) -> Path:
    """Write the script of a job down. Raises StorageFailed.

    local  for this machine
    """
    file = folder.scripts / f"{job.name}.sh"
    text = script(campaign, job, folder.store, local=local)
    try:
        replace_file(file, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise StorageFailed(f"{file}: cannot be written: {error.strerror}") from None
    return file


def _sbatch(
    options: list[str],
    campaign: Campaign,
    job: PlannedJob,
    file: Path,
    folder: CampaignFolder,
    where: str,
) -> str:
    """Output of sbatch, in the folder that gets the job's output. Raises BadInput."""
    try:
        return output(
            ["sbatch", *options, str(file)],
            environment=of_new_job(os.environ),
            options=variables(campaign.platforms[job.platform]),
            folder=folder.output,
        )
    except NoAnswer as why:
        raise BadInput(
            f"{where}: platforms.{job.platform}",
            f"is refused: {why}",
            "nothing was submitted" if "--test-only" in options else "submit again",
        ) from None


def job_number(text: str) -> str | None:
    """The number printed by sbatch, from "71" or "71;cluster"; None without a number. A wrapper of
    the site may print more lines.
    """
    for line in reversed(text.splitlines()):
        number = line.strip().partition(";")[0]
        if number.isascii() and number.isdigit():
            return number
    return None
