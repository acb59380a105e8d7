"""Files of records: a session of tests, a single record, or the JSON of pytest-benchmark."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import msgspec

from energybench.errors import BadInput, UnknownFields
from energybench.gating import benchmark_file
from energybench.gating.records import SCHEMA, Session
from energybench.store import durable, strict, unknown_fields

_REMEDY = "name a file that energybench wrote in a session of tests"


def read_session(path: Path) -> Session:
    """The records of a file. Fields of a later version are passed over with one warning
    (`UnknownFields`) for the whole file.

    Raises BadInput for a file that is not JSON, of another schema, or without any energy.
    """
    session, later = session_and_later_fields(path)
    if later is not None:
        warnings.warn(later, stacklevel=2)
    return session


def session_and_later_fields(path: Path) -> tuple[Session, UnknownFields | None]:
    """The records of a file, and the warning about fields of a later version, for the caller to
    show. Raises BadInput as `read_session` does.
    """
    value = _session_of(strict.load(path), str(path))
    session, later = unknown_fields.known(value, Session, str(path))
    if all(record.energy_j is None for record in session.tests):
        raise BadInput(str(path), "holds no energy of any test", _REMEDY)
    return session, later


def write_session(session: Session, path: Path) -> None:
    """Write a file, or replace it as a whole."""
    durable.replace_file(path, msgspec.json.encode(session) + b"\n")


def _session_of(value: Any, where: str) -> Any:
    """The value as that of a session, with its schema checked."""
    if not isinstance(value, dict):
        raise BadInput(where, "holds no records of energies", _REMEDY)
    if isinstance(value.get("benchmarks"), list):
        return _from_pytest_benchmark(value, where)
    schema = value.get("schema")
    if isinstance(schema, str) and schema.startswith("energybench-ci/") and schema != SCHEMA:
        raise BadInput(where, f"schema {schema!r} is not {SCHEMA!r}", "use the version of the file")
    if schema != SCHEMA:
        raise BadInput(where, "holds no records of energies", _REMEDY)
    if "tests" in value:
        return value
    return {"schema": SCHEMA, "tests": [value]}


def _from_pytest_benchmark(value: dict[str, Any], where: str) -> Any:
    """The records in a JSON of pytest-benchmark; a test without one was not measured."""
    tests = benchmark_file.records(value, where)
    if not tests:
        raise BadInput(where, "holds no energy of any test", "run pytest with --benchmark-energy")
    return {"schema": SCHEMA, "tests": tests}
