"""The folder of a campaign, beside its file.

NAME/state.json      submitted jobs
NAME/scripts/        scripts of the jobs
NAME/output/         printed output of the jobs
NAME/runs/           the store of the runs
NAME-local/          the same files for --local: the runs of a laptop never stand for the runs of a
                     cluster
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from energybench.campaigns.campaign import Campaign
from energybench.errors import BadInput, StorageFailed
from energybench.model import Measurement, Noun, same_identity
from energybench.store import reader, strict
from energybench.store.durable import replace_file
from energybench.store.layout import runs
from energybench.store.liveness import Lock
from energybench.store.run import pretty


class SubmittedJob(Noun, frozen=True, kw_only=True):
    """A job submitted to Slurm.

    id    Slurm's number; None: the submission was cut off before Slurm's answer was written down
    name  of the job in Slurm
    keys  the runs of the job
    """

    id: str | None
    name: str
    keys: tuple[str, ...]
    submitted_utc: str


class State(Noun, frozen=True, kw_only=True):
    """The jobs of a campaign, the oldest first."""

    schema: Literal["energybench-campaign-state/1"] = "energybench-campaign-state/1"
    campaign: str
    jobs: tuple[SubmittedJob, ...] = ()


class CampaignFolder(NamedTuple):
    """The files of a campaign."""

    path: Path

    @classmethod
    def of(cls, campaign: Campaign, local: bool) -> CampaignFolder:
        return cls(campaign.folder / (f"{campaign.name}-local" if local else campaign.name))

    @property
    def store(self) -> Path:
        return self.path / "runs"

    @property
    def scripts(self) -> Path:
        return self.path / "scripts"

    @property
    def output(self) -> Path:
        return self.path / "output"

    @property
    def state_file(self) -> Path:
        return self.path / "state.json"

    def make(self) -> None:
        """Raises StorageFailed."""
        try:
            for folder in (self.store, self.scripts, self.output):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"{self.path}: cannot be written: {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[Lock]:
        """Keep other commands from submitting the same campaign at the same time.

        Raises BadInput if another command submits the campaign, and StorageFailed.
        """
        self.make()
        place = self.path / ".lock"
        try:
            lock = Lock(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
        except OSError as error:
            raise StorageFailed(f"{place}: cannot be written: {error.strerror}") from None
        try:
            if lock.held is False:
                raise BadInput(
                    str(self.path),
                    "another command submits this campaign, or programs that it started go on",
                    "wait, or end them",
                )
            yield lock
        finally:
            lock.release()
            lock.close()

    def state(self, campaign: Campaign) -> State:
        """The submitted jobs so far. Raises BadInput."""
        if not self.state_file.exists():
            return State(campaign=campaign.name)
        where = str(self.state_file)
        state = strict.convert(strict.load(self.state_file), State, where)
        if state.campaign != campaign.name:
            raise BadInput(where, f"belongs to the campaign {state.campaign!r}", "move it away")
        return state

    def write(self, state: State) -> None:
        """Raises StorageFailed."""
        try:
            replace_file(self.state_file, pretty(state).encode())
        except OSError as error:
            raise StorageFailed(f"{self.state_file}: cannot be written: {error.strerror}") from None

    def measurements(
        self, keys: Sequence[str], directories: dict[str, Path] | None = None
    ) -> dict[str, list[Measurement]]:
        """The finished runs of each key, the oldest first. Damaged runs and runs of other keys,
        such as runs of an earlier version of a case, are passed over.

        directories  receives the directory of each run, by the id of its measurement
        """
        by_key: dict[str, list[Measurement]] = {key: [] for key in keys}
        for directory in runs(self.store):
            try:
                measured = reader.read_run(directory)
            except BadInput:
                continue
            if measured.case in by_key:
                by_key[measured.case].append(measured)
                if directories is not None:
                    directories[measured.id] = directory
        return by_key


def with_job(state: State, job: SubmittedJob) -> State:
    """The state with an additional job, or with a number for a job without number."""
    kept = [known for known in state.jobs if not (known.id is None and known.name == job.name)]
    return msgspec.structs.replace(state, jobs=(*kept, job))


def whole(measurements: Sequence[Measurement]) -> list[Measurement]:
    """The measurements of whole repeats with passed checks, the oldest first; the latest
    measurement of every machine. Of a run on several nodes the latest counts, with any head node.
    """
    latest: list[Measurement] = []
    for measured in measurements:
        if not measured.partial and not measured.failed_checks:
            latest = [other for other in latest if not _takes_its_place(measured, other)]
            latest.append(measured)
    return latest


def _takes_its_place(measured: Measurement, earlier: Measurement) -> bool:
    """Whether a later measurement of the same run replaces an earlier measurement. Names decide
    about hosts without a common kind of identity, or with only the identities of two boots: in a
    cluster, all nodes have different names.
    """
    if max(measured.nodes, earlier.nodes) > 1:
        return True
    same = same_identity(measured.host.identities, earlier.host.identities)
    return measured.host.name == earlier.host.name if same is None else same
