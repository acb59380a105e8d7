"""A job of the simulated cluster, and what Slurm says about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulators.slurm.processes import wait_until

if TYPE_CHECKING:
    from tests.simulators.slurm.cluster import Cluster

ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "TIMEOUT",
}
_FIELD = re.compile(r"(?:^| )([A-Za-z/:]+)=(.*?)(?= [A-Za-z/:]+=|$)")


class Job:
    """All parts of one submission: the tasks of an array, the components of a het job.

    id      as sbatch names it
    folder  working directory of the job, with its output
    """

    def __init__(self, cluster: Cluster, number: str, folder: Path) -> None:
        self.cluster, self.id, self.folder = cluster, number, folder

    @property
    def records(self) -> list[Mapping[str, str]]:
        """`scontrol show job`: one record for each part."""
        lines = self.cluster.run("scontrol", "show", "job", "-o", self.id).stdout.splitlines()
        return [dict(_FIELD.findall(line)) for line in lines if line.startswith("JobId=")]

    @property
    def states(self) -> list[str]:
        return [record["JobState"] for record in self.records]

    @property
    def state(self) -> str:
        """State of the job; "COMPLETED,FAILED" for parts in different states."""
        return ",".join(sorted(set(self.states)))

    @property
    def exit_code(self) -> int:
        """The highest exit code of the parts."""
        return max(int(record["ExitCode"].partition(":")[0]) for record in self.records)

    @property
    def signal(self) -> int:
        """The signal that ended the job; 0 for none."""
        return max(int(record["ExitCode"].partition(":")[2]) for record in self.records)

    @property
    def restarts(self) -> int:
        return max(int(record["Restarts"]) for record in self.records)

    @property
    def output(self) -> str:
        """Output and errors of all parts. A requeued job appends to its file."""
        paths = dict.fromkeys(record["StdOut"] for record in self.records if "StdOut" in record)
        return "".join(
            Path(path).read_text(errors="replace") for path in paths if Path(path).is_file()
        )

    def wait(self, timeout_s: float = 120.0) -> Job:
        """Until all parts have ended."""
        return self.wait_for(*ENDED, timeout_s=timeout_s)

    def wait_for(self, *states: str, timeout_s: float = 120.0) -> Job:
        """Until all parts are in one of these states."""

        def reached() -> bool:
            present = set(self.states)
            return bool(present) and present <= set(states)

        return self._wait_until(reached, f"job {self.id}: {' or '.join(states)}", timeout_s)

    def wait_for_output(self, text: str, count: int = 1, timeout_s: float = 120.0) -> Job:
        """Until the output has a text so many times."""

        def printed() -> bool:
            return self.output.count(text) >= count

        return self._wait_until(printed, f"{text!r} in the output of job {self.id}", timeout_s)

    def _wait_until(self, true: Callable[[], bool], about: str, timeout_s: float) -> Job:
        try:
            wait_until(true, about, timeout_s)
        except TimeoutError as error:
            logs = self.cluster.logs()
            message = f"{error}; the job is {self.state}\n{self.output}\n{logs}"
            raise TimeoutError(message) from None
        return self

    def start_again(self) -> None:
        """Start a requeued job without the wait of ten seconds before it may start by itself.

        It starts in the next second of the clock: slurmd refuses a credential that was made in the
        second in which the first start was killed, and Slurm then states the job as FAILED
        (slurm_cred_handle_reissue of src/common/slurm_cred.c: `cred->ctime > j->revoked`).
        """

        def waits() -> bool:
            return self.restarts > 0 and self.state == "PENDING"

        wait_until(waits, f"the requeue of job {self.id}")
        self.cluster.run("scontrol", "update", f"JobId={self.id}", "StartTime=now+1")

    def cancel(self, *options: str) -> None:
        """scancel, as `job.cancel("--signal=USR1", "--full")`."""
        self.cluster.run("scancel", *options, self.id)
