"""Rows of a comparison, and of the judgement of a rule book."""

from __future__ import annotations

from collections.abc import Iterator

from energybench.model import TIME_X_ASSUMED_POWER, Comparison, Grade, has_stamp
from energybench_reports.tables.row import (
    DIMENSIONLESS,
    Result,
    Row,
    codes,
    estimate,
    exact,
    line,
    timed,
    words,
)


def ratio_name(title: str) -> str:
    """Name of the ratio. A ratio with an estimated side is not called a ratio of energies."""
    return "time_x_assumed_power" if title == TIME_X_ASSUMED_POWER else "energy_ratio"


def rows(pair: Comparison) -> Iterator[Row]:
    """Ratios are baseline over candidate; powers are those of one node."""
    about = Result(
        kind="comparison",
        result=line(f"{pair.baseline} / {pair.candidate}"),
        label=line(" / ".join(pair.labels)),
        quality=pair.quality or "",
        boundary=pair.boundary,
        doubts=codes(pair.doubts),
        stamps=codes(pair.stamps),
        stamped=words(pair.stamps),
        replayed=pair.replayed,
    )
    verdict = pair.verdict or ""
    yield estimate(about, ratio_name(pair.title), pair.energy_ratio, verdict=verdict)
    yield timed(estimate(about, "speedup", pair.speedup))
    yield estimate(about, "net_energy_ratio", pair.net_energy_ratio)
    yield estimate(about, "energy_delay_ratio", pair.energy_delay_ratio)
    for second in pair.second_lines:
        yield estimate(about, "second_energy_ratio", second.energy_ratio, of=second.label)
    yield exact(about, "equivalence_margin", pair.margin, DIMENSIONLESS)
    yield exact(about, "paired_blocks", pair.paired)
    sides = zip(
        ("baseline", "candidate"), pair.labels, pair.power_w, pair.idle_power_w, strict=True
    )
    for side, label, power_w, idle_w in sides:
        yield estimate(about, "power", power_w, "W", of=label, variant=side)
        yield estimate(about, "idle_power", idle_w, "W", of=label, variant=side)


def grade_rows(grade: Grade) -> Iterator[Row]:
    """The grade of each rule book, and the result of each of its aspects."""
    about = Result(
        kind="grade",
        result=line(grade.measurement),
        label=line(grade.label),
        stamps=codes(grade.stamps),
        stamped=words(grade.stamps),
        replayed=has_stamp(grade.stamps, "replayed"),
    )
    for book in grade.books:
        name = line(f"{book.name}, {book.edition}")
        yield Row(
            about,
            "grade",
            "judgement",
            of=name,
            unit="",
            verdict=line(book.gives or "unknown"),
            source=line(book.source),
        )
        for aspect in book.aspects:
            heading = f"{aspect.name}, {aspect.level}" if aspect.level else aspect.name
            yield Row(
                about,
                "grade_aspect",
                "judgement",
                of=name,
                variant=line(heading),
                unit="",
                verdict=aspect.result,
            )
