"""The machine for one energy test alone, or for ordinary tests together.

Two locks in a folder of this user, of flock(2), which the kernel frees with the process: `room` is
shared by ordinary tests and exclusive for an energy test; everybody passes `turnstile`, which a
waiting energy test holds, so that ordinary tests that come later do not overtake. Every wait has an
end, after which the test goes on and says so. A test that asks for a fixture while the test runs
gives its share of the room back before it waits for the room alone: two such tests cannot wait for
each other. A test may close all descriptors of the process: the locks are then free, and the files
are opened anew for the next test. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from energybench.real_clock import monotonic, sleep
from energybench.real_system import Descriptor, flock, open_file

_LOOK_S = 0.02  # between two tries
_VISIBLE_S = 5.0  # a longer wait is announced


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A test's time on the machine.

    waited_s  before the test, and before its fixture that measures
    entered   False: the wait was given up, or the locks cannot be used
    alone     whether the test keeps all other tests away
    """

    waited_s: float
    entered: bool
    alone: bool


class Machine:
    """The locks. Opening no file can fail: `trouble` then says why tests are not kept apart.

    patience_s  longest wait
    announce    is told that a test waits
    """

    def __init__(self, patience_s: float, announce: Callable[[str], None]) -> None:
        self._patience_s, self._announce = patience_s, announce
        self._paths: tuple[str, str] | None = None
        self._files: tuple[Descriptor, Descriptor] | None = None
        self._room: Descriptor | None = None  # whose lock the present test has
        self.trouble: str | None = None

    def open(self) -> None:
        try:
            folder = Path(tempfile.gettempdir()) / f"energybench-locks-{os.getuid()}"
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                raise OSError(f"{folder} belongs to somebody else")
            self._paths = str(folder / "turnstile"), str(folder / "room")
        except OSError as error:
            self.trouble = f"tests are not kept apart: {error}"
        if self._paths is not None:
            self._open_files()
            # a lock belongs to the open file: a child that lives on would hold it, and a child that
            # goes on with the tests would free the lock of its parent
            os.register_at_fork(after_in_child=self.close)

    def _open_files(self) -> tuple[Descriptor, Descriptor] | None:
        """The files of the locks, opened anew if a test has closed them; None: see `trouble`."""
        if self._files is not None and all(file.is_ours for file in self._files):
            return self._files
        self.close()
        if self._paths is None:
            return None
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        opened: list[Descriptor] = []
        try:
            opened.extend(Descriptor(open_file(path, flags, 0o600)) for path in self._paths)
        except OSError as error:
            self.trouble = f"tests are not kept apart: {error}"
            for file in opened:
                file.close()
            return None
        self.trouble = None
        turnstile, room = opened
        self._files = turnstile, room
        return self._files

    @contextmanager
    def stay(self, *, alone: bool, name: str) -> Iterator[Stay]:
        """The machine for a test: alone, or together with other ordinary tests."""
        try:
            yield self._enter(alone=alone, name=name)
        finally:
            self._leave()

    def alone(self, stay: Stay, name: str) -> Stay:
        """The machine for the present test alone, in place of a stay with other tests. The other
        tests of the machine may run during the wait. If the wait is given up, the test goes on
        together with them.
        """
        if stay.alone:
            return stay
        self._leave()
        later = self._enter(alone=True, name=name)
        return replace(later, waited_s=stay.waited_s + later.waited_s)

    def _enter(self, *, alone: bool, name: str) -> Stay:
        files = self._open_files()
        if files is None:
            return Stay(waited_s=0.0, entered=False, alone=False)
        turnstile, room = files
        start_s = monotonic()
        until_s = start_s + self._patience_s
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        through = self._lock(turnstile, fcntl.LOCK_EX, until_s, name)
        entered = through and self._lock(room, kind, until_s, name)
        # a test that gave up shares the room if it can: energy tests that come later wait for it
        self._room = room if entered or self._lock(room, fcntl.LOCK_SH, start_s, name) else None
        if through:
            _unlock(turnstile)
        return Stay(waited_s=monotonic() - start_s, entered=entered, alone=alone and entered)

    def _leave(self) -> None:
        if self._room is not None:
            _unlock(self._room)
        self._room = None

    @property
    def lost(self) -> bool:
        """Whether the present test has closed the files of the locks, and so has freed them."""
        return self._files is not None and not all(file.is_ours for file in self._files)

    def _lock(self, file: Descriptor, kind: int, until_s: float, name: str) -> bool:
        announce_s = monotonic() + _VISIBLE_S
        while True:
            try:
                flock(file.number, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                now_s = monotonic()
            except OSError as error:  # a file system without locks
                self.trouble = f"tests are not kept apart: {error}"
                return False
            else:
                return True
            if now_s >= until_s:
                return False
            if now_s >= announce_s:
                announce_s = until_s
                self._announce(f"energybench: {name} waits for other tests on this machine")
            sleep(_LOOK_S)

    def close(self) -> None:
        for file in self._files or ():
            file.close()
        self._files = self._room = None


def _unlock(file: Descriptor) -> None:
    """Free a lock, unless the test has closed its file and so has freed the lock."""
    if file.is_ours:
        flock(file.number, fcntl.LOCK_UN)
