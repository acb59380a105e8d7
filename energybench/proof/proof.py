"""The result of `energybench verify`."""

from __future__ import annotations

from typing import Literal

from energybench.model import Noun

# verified            everything that could be made again is equal
# differs-by-version  what differs was made by another version than this one
Outcome = Literal["verified", "differs-by-version", "differs"]


class Finding(Noun, frozen=True, kw_only=True):
    """A difference.

    place       file of the bundle, and the part of it
    by_version  whether another version of energybench, or of a library that draws, may be the cause
    """

    place: str
    what: str
    by_version: bool = False


class Proof(Noun, frozen=True, kw_only=True):
    """What was checked of a bundle or a report, and what differs.

    sha256       of the file, in hexadecimal digits
    made_by      version of energybench that made the file; "" if the file does not say
    checked      what was made again, in words
    not_checked  what could not be made again, with the reason
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["proof"] = "proof"
    file: str
    sha256: str
    made_utc: str
    made_by: str
    read_by: str
    redacted: bool
    outcome: Outcome
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    findings: tuple[Finding, ...]


class Notes:
    """Collects what is checked, not checked and found."""

    def __init__(self) -> None:
        self.checked: list[str] = []
        self.not_checked: list[str] = []
        self.findings: list[Finding] = []

    def differs(self, place: str, what: object, *, by_version: bool = False) -> None:
        self.findings.append(Finding(place=place, what=str(what), by_version=by_version))

    @property
    def outcome(self) -> Outcome:
        if not self.findings:
            return "verified"
        if all(finding.by_version for finding in self.findings):
            return "differs-by-version"
        return "differs"
