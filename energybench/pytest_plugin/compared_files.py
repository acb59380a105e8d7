"""Files that pytest-benchmark compares with (`--benchmark-compare`), as baselines of the gates.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from energybench.errors import BadInput, UnknownFields
from energybench.pytest_plugin.record import short

if TYPE_CHECKING:
    from energybench.gating.records import Record


def compared_files(config: pytest.Config) -> ComparedFiles | None:
    """The files that pytest-benchmark compares with; None: no file."""
    stated = config.getoption("benchmark_compare", None)
    return ComparedFiles(stated) if isinstance(stated, str) or stated is True else None


class ComparedFiles:
    """The files named by --benchmark-compare. pytest-benchmark hands over the readable files.

    later_fields  warnings about fields of a later version
    """

    def __init__(self, stated: str | bool) -> None:
        named = isinstance(stated, str)
        self._option = f"--benchmark-compare={stated}" if named else "--benchmark-compare"
        # a test may change the working directory
        self._path = Path(stated).absolute() if isinstance(stated, str) else None
        self._taken = 0
        self._faults: dict[str, None] = {}  # an ordered set
        self.later_fields: list[UnknownFields] = []

    def take(self, compared: dict[str, Any]) -> list[Record]:
        """The records of a file that pytest-benchmark has read."""
        from energybench.gating import benchmark_file
        from energybench.gating.records import Record
        from energybench.store import unknown_fields

        self._taken += 1
        time = short(compared.get("datetime", "an unknown time"))
        session = f"the session of {time} ({short(self._option)})"
        odd = benchmark_file.unreadable(compared)
        if odd:
            more = f" and of {len(odd) - 1} more" if len(odd) > 1 else ""
            what = f"extra_info.energybench of {short(odd[0])}{more} was not written by energybench"
            self._faults[f"{session}: {what}"] = None
        try:
            tests = benchmark_file.records(compared, session)
        except BadInput as error:
            self._faults[f"{error.where} is no baseline: it {error.what}"] = None
            return []
        if not tests and not odd:
            what = "it holds no energy of any test: save it with --benchmark-energy"
            self._faults[f"{session} is no baseline: {what}"] = None
        saved: list[Record] = []
        for test in tests:
            where = f"{short(test['name'])} in {session}"
            try:
                one, later = unknown_fields.known(test, Record, where)
            except BadInput as error:
                self._faults[f"{error.where} is no baseline: {error.what}"] = None
                continue
            saved.append(one)
            if later is not None:
                self.later_fields.append(UnknownFields((session,), later.fields))
        return saved

    def lines(self) -> list[str]:
        """Lines about files that are no baseline."""
        if self._taken:
            return list(self._faults)
        return [f"{short(self._option)} is no baseline: {self._why_not_read()}"]

    def _why_not_read(self) -> str:
        if self._path is None or not self._path.is_file():
            return "pytest-benchmark has no such saved file"
        try:
            content = json.loads(self._path.read_bytes())
        except OSError as error:
            return f"the file cannot be read: {error.strerror}"
        except ValueError as error:
            return f"the file is not JSON: {short(str(error))}"
        if not isinstance(content, dict) or not isinstance(content.get("benchmarks"), list):
            return "the file is not a JSON of pytest-benchmark"
        return "pytest-benchmark cannot read the file"
