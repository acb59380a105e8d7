"""Whether a run directory is still being written, on this machine, in another container, or on
another host that shares the file system.

The writer holds a lock on the run's header from the first file to the final rename. A process
number is not asked first: the number may name a foreign process in another PID namespace or on
another host.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from energybench.errors import BadInput, StorageFailed
from energybench.model import Job

# A run writes its samples once a second. If a file system's locks do not reach other hosts, a file
# written within this time belongs to a run that may be alive.
QUIET_S = 60.0
# flock(2) and open(2): no locks on this file system, or no lock for this file
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)


# State of the job of a run that has not ended, in Slurm's word; None: the job has ended, or nobody
# knows. The store itself asks no scheduler.
JobState = Callable[[Job], str | None]


def unknown_state(job: Job) -> str | None:
    """The answer where no scheduler can be asked."""
    return None


class Writer(NamedTuple):
    """The process that wrote a header: process number, start in clock ticks since boot, host, and
    the boot of the host's kernel (None: unknown).
    """

    pid: int
    pid_started: int | None
    host: str
    boot_id: str | None


class Lock:
    """An exclusive lock on a file, released by `close` or by the end of the process; after
    `hand_on` by `release` or by the end of all programs started by this process.

    held  False if another process holds the lock; None if the file system has no locks
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.held: bool | None = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                self.held = None
            elif error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                self.held = False
            else:
                self.close()
                raise

    @classmethod
    def on(cls, path: Path) -> Lock:
        """The lock on an existing file. Opened for writing, because NFS locks no other files."""
        return cls(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))

    def hand_on(self) -> None:
        """From now on, programs started by this process also hold the lock."""
        os.set_inheritable(self._descriptor, True)

    def release(self) -> None:
        """Release the lock for every holder."""
        if self.held and self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def boot_id() -> str | None:
    """Identity of the running kernel's boot (Linux, random(4)): the same in all containers of a
    host, different after a restart and on other hosts.
    """
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text or None


def process_started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if the process does not exist."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def refuse_if_alive(
    name: str,
    directory: Path,
    lock: Lock,
    writer: Writer | None,
    *,
    has_ended: bool = False,
    job: Job | None = None,
    job_state: JobState = unknown_state,
) -> None:
    """Raise BadInput if another process writes the run, or may write the run.

    writer     None if the header cannot be read
    has_ended  whether the caller knows that the writer has ended: then only a locked header
               contradicts the caller
    job        the job of the writer; None: no job, or unknown
    job_state  asks the scheduler about the job: a suspended job writes nothing for hours
    """
    if lock.held is False:
        process = f" by process {writer.pid} on {writer.host}" if writer is not None else ""
        raise BadInput(name, f"is still being measured{process}", "wait for it, or end it first")
    if has_ended:
        return
    refuse_if_job_lives(name, job, job_state)
    here = writer is not None and writer.boot_id is not None and writer.boot_id == boot_id()
    if lock.held and here:
        return
    if here and writer is not None and _runs(writer):
        raise BadInput(
            name, f"is still being measured by process {writer.pid}", "wait for it, or end it first"
        )
    still_s = quiet_s(directory)
    if still_s < QUIET_S and writer is not None:
        raise BadInput(
            name,
            f"was written {still_s:.0f} s ago by process {writer.pid} on {writer.host}, which may "
            "be alive",
            f"run this on {writer.host}, or wait for {QUIET_S:.0f} s",
        )


def refuse_if_job_lives(name: str, job: Job | None, job_state: JobState) -> None:
    """Raise BadInput if the scheduler knows the job as one that has not ended."""
    state = job_state(job) if job is not None else None
    if job is not None and state is not None:
        raise BadInput(
            name,
            f"belongs to job {job.id} of Slurm, whose state is {state}: the run may be alive",
            f"wait for the end of the job, or end it: scancel {job.id}",
        )


def _runs(writer: Writer) -> bool:
    """Whether the writer, a process of this kernel, is alive in this PID namespace."""
    return (
        writer.pid != os.getpid()
        and writer.pid_started is not None
        and process_started(writer.pid) == writer.pid_started
    )


def quiet_s(directory: Path, *, with_directory: bool = False) -> float:
    """Time since a file of the directory was last written, by the file system's own clock, s.

    with_directory  whether a new or removed entry counts as well
    """
    last_ns = os.stat(directory).st_mtime_ns if with_directory else 0
    for folder, _, files in os.walk(directory):
        for name in files:
            try:
                last_ns = max(last_ns, os.stat(os.path.join(folder, name)).st_mtime_ns)
            except OSError:
                continue  # removed meanwhile
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".clock-") as mark:
            now_ns = os.fstat(mark.fileno()).st_mtime_ns
    except OSError as error:
        raise StorageFailed(f"{directory}: cannot be written: {error.strerror}") from None
    return max(0.0, (now_ns - last_ns) / 1e9)
