"""The result of `energybench verify`."""

from __future__ import annotations

import re
from typing import Literal

from energybench.model import Noun

# verified            every result that could be computed again is equal
# text-only           the text of a report alone is equal; the numbers rest on files outside the
#                     report
# incomplete          a bundle lacks a file on which numbers rest; if there are differences, another
#                     version explains them
# differs-by-version  another version made the file, and only numbers, text and drawings differ
# code-by-version     another version made the file, and code that a viewer runs, which was not
#                     compared, differs as well
Outcome = Literal[
    "verified", "text-only", "incomplete", "differs-by-version", "code-by-version", "differs"
]

# Data on which the numbers of a file rest, and which the file may lack.
Missing = Literal["samples", "runs", "scenario"]


_NAME = re.compile("[a-z][a-z0-9-]*")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!]{0,40}")  # the characters of PEP 440


class Finding(Noun, frozen=True, kw_only=True):
    """A difference.

    place       file of the bundle, and the part of the file
    by_version  whether the cause may be a different version of energybench or of a drawing library
    code        whether a viewer may run or load the parts that differ
    """

    place: str
    what: str
    by_version: bool = False
    code: bool = False


class Proof(Noun, frozen=True, kw_only=True):
    """The checks of a bundle or a report, and the differences.

    sha256       of the file, in hexadecimal digits
    made_by      version of energybench that made the file; "" if the file does not say
    packages     packages with which differences by version can be checked: "altair==6.2.0"
    checked      results that were computed again, in words
    not_checked  results that could not be computed again, with the reason
    missing      data that the file lacks, on which some numbers of the file rest
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
    """Collects the checked results, the unchecked results and the findings.

    alone  whether the file is a report that stands alone and holds no samples by design
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
        """Note numbers that were not checked because the file lacks the data for the check."""
        self.not_checked.append(words)
        self._missing.add(missing)

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(sorted(self._missing))

    def installs(self, name: str, version: str) -> None:
        """Note the version of a package with which differences by version can be checked."""
        package = f"{name}=={version}"
        # the file states the name and the version, and a person copies both to a shell
        if _NAME.fullmatch(name) and _VERSION.fullmatch(version) and package not in self.packages:
            self.packages.append(package)

    @property
    def outcome(self) -> Outcome:
        if not all(finding.by_version for finding in self.findings):
            return "differs"
        if any(finding.code for finding in self.findings):
            return "code-by-version"
        if self._missing and not self._alone:
            return "incomplete"  # a different version would lack the data as well
        if self.findings:
            return "differs-by-version"
        return "text-only" if self._missing else "verified"
