"""The folder for the directories of a session's runs: kept for the user, or temporary.

Nothing is made or removed while a test runs: a test may have replaced the functions for it, and
count their calls. PYTEST_DONT_REWRITE
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
    fault  why a folder that the user named is not used; None: it is used, or none was named
    """

    def __init__(self, wanted: str | None) -> None:
        self.fault = None if wanted is None else _fault(wanted)
        self.keeps = wanted is not None and self.fault is None
        self._made = False
        self._folder = os.path.abspath(wanted) if self.keeps and wanted is not None else None
        self._pid = getpid()

    @property
    def folder(self) -> str:
        """Absolute path of the folder, which is made if it is not there yet."""
        if self._folder is None:
            try:
                self._folder = tempfile.mkdtemp(prefix="energybench-pytest-")
                self._made = True
            except OSError:  # the sampling process cannot write there either, and says so
                self._folder = f"/tmp/energybench-pytest-{getpid()}"
        return self._folder

    def clear(self) -> None:
        """Remove the runs of a test that is over, unless they are kept."""
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
        """Whether this process has made the folder, and removes it: not a child of a test."""
        return self._made and self._pid == getpid()


def _fault(wanted: str) -> str | None:
    """Why a folder cannot be written; None: it can, and was made if it was not there."""
    try:
        os.makedirs(wanted, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted):
            return None
    except OSError as error:
        return f"{wanted or 'a folder without a name'}: {error.strerror}"
