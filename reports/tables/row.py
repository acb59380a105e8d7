"""A row: a number with its interval, unit and kind, and the subject of the number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from energybench.foreign_text import visible
from energybench.model import Doubt, Estimate, Stamp, quality_words, verdict_words

ResultKind = Literal["measurement", "comparison", "projection", "study", "grade"]
# interval   value, and the interval at `confidence`
# exact      low = value = high: a count, a setting, a figure as published
# range      low and high are limits that somebody stated or searched, without a probability
# missing    not measured or not derived: no number at all
# judgement  no number: the verdict is the content
RowKind = Literal["interval", "exact", "range", "missing", "judgement"]
DIMENSIONLESS = "1"
# Quantities whose verdict is a judgement of the result; the verdict of other rows is a state, an
# operator or a direction. Claims are judged one by one: a claim may be free of the recording.
_JUDGED = frozenset(
    (
        "energy_ratio",
        "time_x_assumed_power",
        "check",
        "claim_measured",
        "grade",
        "grade_aspect",
    )
)


class Result(NamedTuple):
    """Common properties of a result's rows. Texts are foreign text on one line.

    result    id of the run or study, ids of both runs of a comparison, name of the scenario
    workload  workload with its size and device, or the program of a command
    problem   fingerprint of the work
    doubts    codes of the result's doubts, without repetition
    stamps    codes of the result's stamps
    stamped   the words of the stamps
    replayed  whether the result is that of a recording
    """

    kind: ResultKind
    result: str
    label: str
    host: str = ""
    workload: str = ""
    problem: str = ""
    quality: str = ""
    boundary: str = ""
    doubts: str = ""
    stamps: str = ""
    stamped: str = ""
    replayed: bool = False

    @property
    def known_as(self) -> str:
        """The quality in words: of a recording, not "measured"."""
        return quality_words(self.quality, replayed=self.replayed)


class Row(NamedTuple):
    """A row of the table.

    quantity  from a closed list, words joined by "_"
    of        subject of the quantity: component, region, unit of work, line, claim, cell
    variant   variant of a study; side of a comparison
    value, low, high  None without such a number; low <= value <= high otherwise
    unit      "1" for a ratio or share; "" for a count, and for a figure without a stated unit
    verdict   verdict of a comparison, claim or check; state of a run of a study
    evidence  how an input of a projection is known
    source    where an input or a published figure comes from
    own_quality  of a figure that may be better known than the energy of the result, such as its
                 time or a component; "": the result's quality
    """

    about: Result
    quantity: str
    kind: RowKind
    of: str = ""
    variant: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = DIMENSIONLESS
    confidence: float | None = None
    verdict: str = ""
    evidence: str = ""
    source: str = ""
    own_quality: str = ""

    @property
    def quality(self) -> str:
        return quality_words(self.own_quality or self.about.quality, replayed=self.about.replayed)

    @property
    def decided(self) -> str:
        """The verdict for a reader of this row alone: 'better, of a recording' if a side was
        replayed.
        """
        replayed = self.about.replayed and self.quantity in _JUDGED
        return verdict_words(self.verdict, replayed=replayed)

    def cells(self) -> dict[str, str | float | None]:
        """The row by the names of COLUMNS: texts, and numbers or None."""
        about = self.about
        return {
            "kind_of_result": about.kind,
            "result": about.result,
            "label": about.label,
            "host": about.host,
            "workload": about.workload,
            "problem": about.problem,
            "quantity": self.quantity,
            "of": self.of,
            "variant": self.variant,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "kind": self.kind,
            "confidence": self.confidence,
            "quality": self.quality,
            "boundary": about.boundary,
            "verdict": self.decided,
            "evidence": self.evidence,
            "source": self.source,
            "doubts": about.doubts,
            "stamps": about.stamps,
            "stamp_words": about.stamped,
        }


COLUMNS = tuple(Row(Result("measurement", "", ""), "", "missing").cells())


def line(text: object) -> str:
    """Foreign text on one line: white space collapsed, control characters and characters that
    change the direction of text replaced by U+FFFD.
    """
    return " ".join(visible(str(text)).split()) if text != "" else ""


def codes(entries: Iterable[Doubt | Stamp]) -> str:
    return " ".join(dict.fromkeys(entry.code for entry in entries))


def words(stamps: Iterable[Stamp]) -> str:
    """'estimated, not measured; single repeat: run-to-run scatter not known'."""
    return "; ".join(line(stamp.words) for stamp in stamps)


def estimate(
    about: Result,
    quantity: str,
    number: Estimate | None,
    unit: str = DIMENSIONLESS,
    *,
    of: object = "",
    variant: object = "",
    verdict: str = "",
    evidence: str = "",
    source: object = "",
) -> Row:
    """A value with its interval; exact if the interval has no width; missing for None."""
    row = Row(
        about,
        quantity,
        "missing",
        of=line(of),
        variant=line(variant),
        unit=line(unit),
        verdict=verdict,
        evidence=evidence,
        source=line(source),
    )
    if number is None:
        return row
    without_width = number.low == number.high
    return row._replace(
        kind="exact" if without_width else "interval",
        value=number.value,
        low=number.low,
        high=number.high,
        confidence=None if without_width else number.confidence,
    )


def timed(row: Row) -> Row:
    """A row only of times: times are measured, even if the energy is unknown."""
    return row if row.kind == "missing" else row._replace(own_quality="measured")


def exact(
    about: Result,
    quantity: str,
    number: float | None,
    unit: str = "",
    *,
    of: object = "",
    variant: object = "",
    verdict: str = "",
    source: object = "",
) -> Row:
    """An exact number, such as a count or a published figure; missing for None."""
    row = limits(
        about,
        quantity,
        None if number is None else (number, number),
        unit,
        value=number,
        of=of,
        variant=variant,
        verdict=verdict,
        source=source,
    )
    return row if number is None else row._replace(kind="exact")


def limits(
    about: Result,
    quantity: str,
    ends: tuple[float, float] | None,
    unit: str = DIMENSIONLESS,
    *,
    value: float | None = None,
    of: object = "",
    variant: object = "",
    verdict: str = "",
    evidence: str = "",
    source: object = "",
) -> Row:
    """A range, perhaps with a value inside; missing for None."""
    return Row(
        about,
        quantity,
        "missing" if ends is None else "range",
        of=line(of),
        variant=line(variant),
        value=value,
        low=None if ends is None else min(ends),
        high=None if ends is None else max(ends),
        unit=line(unit),
        verdict=verdict,
        evidence=evidence,
        source=line(source),
    )
