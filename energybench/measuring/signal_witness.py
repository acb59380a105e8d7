"""Two idle processes that show how far a signal reached.

A process that receives a signal cannot see the other receivers: kill(2) names the sender of a
signal, and not the receivers. The first witness stays in our process group; the second witness
leads a separate group. A signal to us alone reaches no witness; a signal to our process group
reaches the first; a signal to every process of a job step (Slurm) reaches both.
"""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from energybench.measuring.forked import fork
from energybench.measuring.spawning import wait_for

# Longest time of a sender from us to the witnesses: kill(2) for a group is a single call of the
# kernel, Slurm's signals to the processes of a step follow each other within milliseconds.
_PATIENCE_S = 0.1
_LOOK_S = 0.005
_OLD_S = 1.0  # age after which a witness's account no longer belongs to a signal of ours
_RECORD = struct.Struct("=id")


class Seen(NamedTuple):
    """The witnesses that received a signal."""

    in_group: bool
    apart: bool


class Witnesses:
    """The two witnesses, from creation to `close`."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._in_group, self._apart = (
            _Witness(set(numbers), apart=apart) for apart in (False, True)
        )

    def saw(self, number: int) -> Seen:
        """The witnesses that received the latest signal; waits a moment for both."""
        until_s = time.monotonic() + _PATIENCE_S
        seen = Seen(False, False)
        while not seen.apart and (left_s := until_s - time.monotonic()) > 0:
            wait_for((self._in_group.fd, self._apart.fd), min(left_s, _LOOK_S))
            seen = Seen(
                seen.in_group or self._in_group.saw(number),
                self._apart.saw(number),
            )
        return seen

    def close(self) -> None:
        self._in_group.close()
        self._apart.close()


class _Witness:
    """A process that writes down the signals sent to the process."""

    def __init__(self, numbers: set[signal.Signals], *, apart: bool) -> None:
        self.fd, theirs = os.pipe()
        os.set_blocking(self.fd, False)

        def watch() -> None:
            while True:
                number = signal.sigwaitinfo(numbers).si_signo
                os.write(theirs, _RECORD.pack(number, time.monotonic()))

        # Nothing waits for the witness: all signals were blocked before the fork, and a later
        # signal is pending until the witness takes the signal.
        self._pid = fork("signal witness", watch, (theirs,))
        if apart:
            os.setpgid(self._pid, self._pid)
        os.close(theirs)
        self._accounts: list[tuple[int, float]] = []

    def saw(self, number: int) -> bool:
        """Whether the witness has received the signal; an account is used once."""
        self._take_accounts()
        if not self._accounts_for(number) and self._pending(number):
            # received, and not written down yet: the witness waits for a core
            wait_for((self.fd,), _OLD_S)
            self._take_accounts()
        accounts = self._accounts_for(number)
        if accounts:
            self._accounts.remove(accounts[0])
        return bool(accounts)

    def _accounts_for(self, number: int) -> list[tuple[int, float]]:
        oldest_s = time.monotonic() - _OLD_S
        self._accounts = [account for account in self._accounts if account[1] >= oldest_s]
        return [account for account in self._accounts if account[0] == number]

    def _take_accounts(self) -> None:
        while record := self._read(_RECORD.size):
            self._accounts.append(_RECORD.unpack(record))

    def _read(self, count: int) -> bytes:
        try:
            return os.read(self.fd, count)
        except BlockingIOError:
            return b""

    def _pending(self, number: int) -> bool:
        """Whether the signal waits for the witness (ShdPnd of proc_pid_status(5))."""
        try:
            lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        except OSError:
            return False
        pending = next((line.split()[1] for line in lines if line.startswith("ShdPnd:")), "0")
        return bool(int(pending, 16) >> (number - 1) & 1)

    def close(self) -> None:
        try:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.fd)
