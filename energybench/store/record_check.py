"""Contradictions in the verification of a run's work and in the run's start time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from energybench.model import Host, Measurement

Contradiction = tuple[str, str]  # field, and the reason why its content cannot be


def of_measurement(result: Measurement) -> Iterator[Contradiction]:
    yield from _of_checks(result)
    yield from _of_clock(result)


def _of_checks(result: Measurement) -> Iterator[Contradiction]:
    """A check that passed with a value beyond its tolerance, or without a value."""
    for number, check in enumerate(result.verification):
        if not check.passed:
            continue
        if check.value is None:
            yield f"verification[{number}].passed", "is true, and value is null"
        elif check.value > check.tolerance:
            why = f"is {check.value:.9g}, above tolerance {check.tolerance:.9g}, and passed is true"
            yield f"verification[{number}].value", why


def _of_clock(result: Measurement) -> Iterator[Contradiction]:
    """Times of day without which no meter and no other node could be placed beside the run."""
    for place, host in (("host", result.host), *_numbered("hosts", result.hosts)):
        stated = host.started_utc
        if stated is not None and not _is_moment(stated):
            yield f"{place}.started_utc", f"{stated!r} is not a time with a zone"


def _numbered(field: str, hosts: Sequence[Host]) -> Iterator[tuple[str, Host]]:
    return ((f"{field}[{number}]", host) for number, host in enumerate(hosts))


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
