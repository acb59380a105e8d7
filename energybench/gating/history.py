"""Saved sessions of tests in a folder, one file per session.

Files are only added, always by a rename: readers and several writers never see half a session. The
file names begin with the time: the order of the names is the order of the sessions.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from energybench.errors import BadInput, StorageFailed, UnknownFields
from energybench.gating.record_files import session_and_later_fields, write_session
from energybench.gating.records import Record, Session

FOLDER = Path(".energybench")
_HISTORY = "history"
# Largest number of sessions to read, over the machines of a pool that share the folder.
LAST = 60


class History:
    """The history in a folder. The constructor reads no file.

    faults        files that could not be read, after `sessions`
    later_fields  files with fields of a later version, which were passed over, after `sessions`
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder / _HISTORY
        self._sessions: tuple[Session, ...] | None = None
        self.faults: tuple[BadInput, ...] = ()
        self.later_fields: tuple[UnknownFields, ...] = ()

    def sessions(self, last: int = LAST) -> tuple[Session, ...]:
        """The last sessions, the oldest first. A broken file is skipped with a fault."""
        sessions: list[Session] = []
        faults: list[BadInput] = []
        later_fields: list[UnknownFields] = []
        for path in sorted(self._folder.glob("*.json"), reverse=True):
            if len(sessions) == last:
                break
            try:
                session, later = session_and_later_fields(path)
            except BadInput as error:
                faults.append(error)
                continue
            sessions.append(session)
            if later is not None:
                later_fields.append(later)
        self.faults, self.later_fields = tuple(faults), tuple(later_fields)
        return tuple(reversed(sessions))

    def read(self) -> tuple[Session, ...]:
        """The sessions. The files are read only once."""
        if self._sessions is None:
            self._sessions = self.sessions()
        return self._sessions

    @property
    def is_empty(self) -> bool:
        """Whether the folder has no readable session, or does not exist."""
        return not self.read()

    def of(self, name: str, last: int = LAST) -> tuple[Record, ...]:
        """The records of a test in the last sessions, the oldest first, without records whose gate
        failed. The files are read only once.
        """
        records = (session.of(name) for session in self.read())
        return tuple(record for record in records if record is not None and not record.gate_failed)[
            -last:
        ]

    def add(self, session: Session) -> Path:
        """Save a session. Raises BadInput for a session without energy, StorageFailed."""
        if all(record.energy_j is None for record in session.tests):
            raise BadInput(session.session or "session", "holds no energy of any test")
        path = self._folder / f"{_file_name(session)}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_session(session, path)
        except OSError as error:
            raise StorageFailed(f"{path}: cannot be written: {error.strerror}") from None
        self._sessions = None
        return path


def _file_name(session: Session) -> str:
    """The time, and a digest of the session, so that two sessions never share a name."""
    time = re.sub(r"[^0-9TZ]", "", session.time_utc.replace("+00:00", "Z")) or "0"
    digest = hashlib.blake2b(
        f"{session.session} {session.time_utc}".encode("utf-8", "replace"), digest_size=6
    )
    return f"{time}-{digest.hexdigest()}"
