"""The folder for the directories of a session's runs: kept for the user, or temporary.

No folder is made or removed while a test runs: the test may have replaced the functions of `os` and
`shutil`, and may count their calls. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress

from energybench.real_system import getpid


class RunStore:
    """The folder for the runs.

    keeps  whether the runs are kept
    fault  why the user's folder is not used; None: the folder is used, or the user named no folder
    """

    def __init__(self, wanted: str | None) -> None:
        self.fault = None if wanted is None else _fault(wanted)
        self.keeps = wanted is not None and self.fault is None
        self._made = False
        self._folder = os.path.abspath(wanted) if self.keeps and wanted is not None else None
        self._pid = getpid()

    @property
    def folder(self) -> str:
        """Absolute path of the folder. The first access makes a temporary folder if the user named
        no folder.
        """
        if self._folder is None:
            try:
                self._folder = tempfile.mkdtemp(prefix="energybench-pytest-")
                self._made = True
            except OSError:
                # the sampling process cannot write to /tmp either, and reports the fault
                self._folder = f"/tmp/energybench-pytest-{getpid()}"
        return self._folder

    def clear(self) -> None:
        """Remove the runs of a finished test from a temporary folder."""
        if not self.temporary:
            return
        names: list[str] = []
        with suppress(OSError):
            names = os.listdir(self.folder)
        for name in names:
            shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)

    def remove(self) -> None:
        """Remove the temporary folder."""
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def temporary(self) -> bool:
        """Whether the current process made a temporary folder. A child process of a test does not
        remove the folder.
        """
        return self._made and self._pid == getpid()


def _fault(wanted: str) -> str | None:
    """Why a folder cannot be written; None: the folder is writable. Makes a missing folder."""
    try:
        os.makedirs(wanted, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted):
            return None
    except OSError as error:
        return f"{wanted or 'a folder without a name'}: {error.strerror}"
