"""Running the missing runs of a campaign on this machine, without Slurm."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from energybench.campaigns.campaign import Campaign
from energybench.campaigns.campaign_folder import CampaignFolder, SubmittedJob, with_job
from energybench.campaigns.planned_runs import PlannedJob
from energybench.campaigns.submitting import missing, write_script
from energybench.errors import BadInput
from energybench.measuring.signals import Signals
from energybench.measuring.spawning import Process, spawn
from energybench.units import counted

Say = Callable[[str], None]
_ERRORS = 2  # descriptor of the errors of this process
_LOOK_S = 60.0  # between two looks at a script that goes on; its end and a signal are seen at once


def run_here(campaign: Campaign, folder: CampaignFolder, signals: Signals, say: Say) -> int:
    """Run the missing runs one after another with bash. Returns the first exit code that is not 0,
    or 128 + N after signal N: the signal is passed on to the current run, no further run is begun,
    and the end of the run is awaited.

    Jobs that only a cluster can run are named and left out. Raises BadInput and StorageFailed.
    """
    code = 0
    with folder.locked() as lock:
        # the programs hold the lock too, because they go on if this process is killed
        lock.hand_on()
        for job in missing(campaign, folder, set(), local=True):
            if signals.ending():
                break
            reason = _not_here(campaign, job)
            if reason is not None:
                say(f"{job.name}: left out: {reason}")
                continue
            say(f"{job.name}: {', '.join(run.name for run in job.runs)}")
            file = write_script(campaign, job, folder, local=True)
            ended = _run(file, signals)  # a failed job does not prevent the next job
            code = code or ended
            folder.write(with_job(folder.state(campaign), _ran(job)))
    return code if signals.received is None else 128 + signals.received


def _ran(job: PlannedJob) -> SubmittedJob:
    """A job that ended here: its runs without a result count as tried."""
    keys = tuple(run.key for run in job.runs)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return SubmittedJob(id=None, name=job.name, keys=keys, submitted_utc=now)


def _run(script: Path, signals: Signals) -> int:
    """The exit code of a script, like in a shell. The script leads a process group, so that a
    signal reaches all its programs, and reads nothing, like in a job of Slurm.
    """
    with open(os.devnull, "rb") as nothing:
        try:
            process = spawn(
                ["bash", str(script)],
                signals.mask,
                environment=_environment(),
                streams={0: nothing.fileno(), 1: _ERRORS},
                process_group=True,
            )
        except OSError as error:
            raise BadInput("bash", f"cannot be run: {error.strerror}") from None
    while not process.done():
        process.wait(_LOOK_S, (signals.fileno(),))
        signals.poll(process.pid, lambda number: _send_to_all(process, number))
    code = process.reap()
    assert code is not None
    return code if code >= 0 else 128 - code


def _send_to_all(process: Process, number: int) -> None:
    """Send a signal to the process group of a process that is not reaped yet."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return  # the processes have ended, or belong to another user


def _not_here(campaign: Campaign, job: PlannedJob) -> str | None:
    if job.nodes > 1:
        return f"each case needs {counted(job.nodes, 'node')}"
    if any(value is not None for value in job.setting):
        return f"a job sets the power cap and clocks ({', '.join(job.setting.words)})"
    return None


def _environment() -> dict[str, str]:
    """The environment of the scripts: the `energybench` beside this Python is found first."""
    programs = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")])}
