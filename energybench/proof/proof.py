"""The result of `energybench verify`."""

from __future__ import annotations

import re
from typing import Literal

from energybench.model import Noun

# verified            everything that could be made again is equal
# text-only           so is the text of a report alone, whose numbers rest on something that the
#                     report does not hold
# incomplete          a bundle lacks something on which numbers rest: nothing else differs, except
#                     perhaps by version
# differs-by-version  the differences are in numbers, text and drawings of another version than this
# code-by-version     so are they, also in code that a viewer runs, which was not compared
Outcome = Literal[
    "verified", "text-only", "incomplete", "differs-by-version", "code-by-version", "differs"
]

# What a file may lack on which its numbers rest.
Missing = Literal["samples", "runs", "scenario"]


_NAME = re.compile("[a-z][a-z0-9-]*")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!]{0,40}")  # the characters of PEP 440


class Finding(Noun, frozen=True, kw_only=True):
    """A difference.

    place       file of the bundle, and the part of it
    by_version  whether another version of energybench, or of a library that draws, may be the cause
    code        whether a viewer may run or load the parts that differ
    """

    place: str
    what: str
    by_version: bool = False
    code: bool = False


class Proof(Noun, frozen=True, kw_only=True):
    """What was checked of a bundle or a report, and what differs.

    sha256       of the file, in hexadecimal digits
    made_by      version of energybench that made the file; "" if the file does not say
    packages     packages with which differences by version can be checked: "altair==6.2.0"
    checked      what was made again, in words
    not_checked  what could not be made again, with the reason
    missing      what the file lacks, on which some of its numbers rest
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
    packages: tuple[str, ...]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    missing: tuple[Missing, ...] = ()
    findings: tuple[Finding, ...]


class Notes:
    """Collects what is checked, not checked and found.

    alone  of a report that stands alone, and holds no samples by design
    """

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone
        self.checked: list[str] = []
        self.not_checked: list[str] = []
        self.findings: list[Finding] = []
        self.packages: list[str] = []
        self._missing: set[Missing] = set()

    def differs(
        self, place: str, what: object, *, by_version: bool = False, code: bool = False
    ) -> None:
        self.findings.append(Finding(place=place, what=str(what), by_version=by_version, code=code))

    def lacks(self, missing: Missing, words: str) -> None:
        """Note numbers that were not checked, because the file lacks what they rest on."""
        self.not_checked.append(words)
        self._missing.add(missing)

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(sorted(self._missing))

    def installs(self, name: str, version: str) -> None:
        """Note the version of a package that made something which differs by version."""
        package = f"{name}=={version}"
        # a person copies it to a shell, and the file states it
        if _NAME.fullmatch(name) and _VERSION.fullmatch(version) and package not in self.packages:
            self.packages.append(package)

    @property
    def outcome(self) -> Outcome:
        if not all(finding.by_version for finding in self.findings):
            return "differs"
        if any(finding.code for finding in self.findings):
            return "code-by-version"
        if self._missing and not self._alone:
            return "incomplete"  # another version does not find what is missing either
        if self.findings:
            return "differs-by-version"
        return "text-only" if self._missing else "verified"
