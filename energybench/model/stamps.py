"""Stamps: short words beside a headline that prevent a misreading of the figure: of a replay as a
measurement, or of a claim as a result.

Every noun with a headline computes its stamps from its other fields at its creation, even if a file
states other stamps. The formats print the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from energybench.model.base import ENERGY_RATIO, Noun
from energybench.model.doubts import Doubt, DoubtCode
from energybench.model.values import estimated_components

if TYPE_CHECKING:
    from energybench.model.derived import Comparison
    from energybench.model.evidence import Evidence
    from energybench.model.measured import Measurement
    from energybench.model.projected import Input, Projection, Unknown
    from energybench.model.study import Study

StampCode = Literal[
    "replayed",
    "estimated",
    "partly-estimated",
    "forced",
    "failed-check",
    "part-of-a-job",
    "part-of-a-repeat",
    "single-repeat",
    "claim",
    "stated-inputs",
    "assumed-inputs",
    "inferred-inputs",
    "unstated-inputs",
]

# Reasons against a comparison of two runs, in the words of the stamp "forced".
_FORCED: dict[DoubtCode, str] = {
    "forced-work": "other work",
    "forced-precision": "other precision",
    "forced-verification": "a failed check",
    "forced-boundary": "other boundaries",
}
# Evidence of inputs from a comparison.
COMPARED: frozenset[Evidence] = frozenset({"measured", "replayed", "partly-estimated", "estimated"})
# Doubts about a component with a power model in place of a sensor, and the component of a doubt
# without a subject.
_OTHER_PART = "another part"
_MODELLED: dict[DoubtCode, str] = {"estimated-cpu": "cpu.package", "estimated-part": _OTHER_PART}
# A name of a component. A file may hold any text there, and a stamp is printed unchanged.
_COMPONENT = re.compile(r"[A-Za-z0-9._-]{1,40}")


class Stamp(Noun, frozen=True, kw_only=True):
    """Words beside a headline.

    code   a StampCode; any text, because a file of a later version may have further codes
    words  printed unchanged
    """

    code: str
    words: str


class EvidenceCount:
    """How inputs and open quantities of a projection are known. Exact constants do not count."""

    def __init__(self, inputs: Iterable[Input | Unknown]) -> None:
        self.inputs = [entry for entry in inputs if entry.evidence is not None]

    @property
    def evidence(self) -> list[Evidence]:
        return [entry.evidence for entry in self.inputs if entry.evidence is not None]

    def words(self, evidence: Evidence) -> str:
        """'3 of 17 inputs assumed', in the words of the stamp and of the doubt."""
        noun = "input" if len(self.inputs) == 1 else "inputs"
        how = "without stated evidence" if evidence == "unstated" else evidence
        return f"{self.evidence.count(evidence)} of {len(self.inputs)} {noun} {how}"

    def labels(self, evidence: Evidence) -> list[str]:
        """The words for the inputs; the name of an input without words."""
        return [entry.label or entry.name for entry in self.inputs if entry.evidence == evidence]


def _stamp(code: StampCode, words: str) -> Stamp:
    return Stamp(code=code, words=words)


_REPLAYED = _stamp("replayed", "replayed from a recording, not measured here")
_ESTIMATED = _stamp("estimated", "estimated, not measured")
_FAILED_CHECK = _stamp("failed-check", "check failed: not the energy of the work")
_PART = _stamp("part-of-a-repeat", "part of a repeat: not the energy of the whole work")
_PERHAPS_PART = _stamp("part-of-a-repeat", "perhaps only a part of a repeat")
_ONE_NODE = _stamp("part-of-a-job", "one node of a job: not the energy of the job")
_SINGLE_REPEAT = _stamp("single-repeat", "single repeat: run-to-run scatter not known")
_CLAIM = _stamp("claim", "claim, not a measurement")
_STATED_INPUTS = _stamp("stated-inputs", "from stated inputs, not from a measurement")


def of_measurement(result: Measurement) -> tuple[Stamp, ...]:
    """Stamps of a run."""
    codes = _codes(result.doubts)
    single = len(result.repeats) == 1 and not result.partial
    return _chosen(
        (_REPLAYED, "replayed" in codes),
        (_ESTIMATED, result.quality == "estimated"),
        _partly_estimated(_components_of(result), result.quality == "mixed"),
        (_FAILED_CHECK, bool(result.failed_checks)),
        (_ONE_NODE, "part-of-job" in codes),
        (_PERHAPS_PART if result.perhaps_whole else _PART, result.partial),
        (_SINGLE_REPEAT, single and result.energy_j is not None),
    )


def of_comparison(result: Comparison) -> tuple[Stamp, ...]:
    """Stamps of a comparison, including stamps from the doubts of both sides."""
    codes = _codes(result.doubts)
    has_energy = result.energy_ratio is not None
    estimated = has_energy and (
        result.title != ENERGY_RATIO
        or result.quality == "estimated"
        or "time-x-assumed-power" in codes
        or (result.verdict is None and result.counted_once)
    )
    return _chosen(
        (_REPLAYED, "replayed" in codes),
        (_ESTIMATED, estimated),
        _partly_estimated(
            _modelled(result.doubts), has_energy and not estimated and result.quality == "mixed"
        ),
        *_forced(codes),
        (_ONE_NODE, "part-of-job" in codes),
        (_SINGLE_REPEAT, has_energy and not result.scatter_known),
    )


def of_projection(result: Projection) -> tuple[Stamp, ...]:
    """Stamps of a projection, from its inputs and from the doubts of its comparisons."""
    codes = _codes(result.doubts)
    count = EvidenceCount(result.known_as)
    evidence = count.evidence
    compared = not COMPARED.isdisjoint(evidence)
    estimated = "time-x-assumed-power" in codes or "estimated" in evidence
    return _chosen(
        (_REPLAYED, "replayed" in codes or "replayed" in evidence),
        (_ESTIMATED, estimated),
        _partly_estimated(_modelled(result.doubts), "partly-estimated" in evidence),
        *_forced(codes),
        (_ONE_NODE, "part-of-job" in codes),
        (_CLAIM, bool(result.claims) and not compared),
        (_STATED_INPUTS, bool(result.lines) and not result.claims and not compared),
        (_SINGLE_REPEAT, "scatter-unknown" in codes),
        (_stamp("assumed-inputs", count.words("assumed")), "assumed" in evidence),
        (_stamp("inferred-inputs", count.words("inferred")), "inferred" in evidence),
        (_stamp("unstated-inputs", count.words("unstated")), "unstated" in evidence),
    )


def of_study(result: Study) -> tuple[Stamp, ...]:
    """Stamps of a study, from the doubts and from the qualities of its runs."""
    codes = _codes(result.doubts)
    qualities = [run.quality for cell in result.cells for run in cell.runs]
    estimated = "estimated" in qualities
    return _chosen(
        (_REPLAYED, "replayed" in codes),
        (_ESTIMATED, estimated),
        _partly_estimated(_modelled(result.doubts), not estimated and "mixed" in qualities),
    )


def _components_of(result: Measurement) -> tuple[str, ...]:
    return estimated_components(result.boundary.parts)


def _modelled(doubts: Sequence[Doubt]) -> tuple[str, ...]:
    """Components with a power model in place of a sensor, by the doubts about them."""
    return tuple(
        sorted(
            {doubt.subject or _MODELLED[doubt.code] for doubt in doubts if doubt.code in _MODELLED}
        )
    )


def _partly_estimated(components: Sequence[str], holds: bool) -> tuple[Stamp, bool]:
    """The stamp of a result with a measured part and a part of an assumed power."""
    known = [name if _COMPONENT.fullmatch(name) else _OTHER_PART for name in components]
    words = f"partly estimated: {', '.join(dict.fromkeys(known))}"
    return _stamp("partly-estimated", words), holds and bool(components)


def _forced(codes: frozenset[DoubtCode]) -> list[tuple[Stamp, bool]]:
    """The stamp of a forced comparison, also of results computed from the comparison."""
    reasons = [words for code, words in _FORCED.items() if code in codes]
    return [(_stamp("forced", f"compared by force: {', '.join(reasons)}"), bool(reasons))]


def _codes(doubts: Sequence[Doubt]) -> frozenset[DoubtCode]:
    return frozenset(doubt.code for doubt in doubts)


def _chosen(*candidates: tuple[Stamp, bool]) -> tuple[Stamp, ...]:
    return tuple(stamp for stamp, holds in candidates if holds)


def stamp(result: Measurement | Comparison | Projection | Study, stamps: tuple[Stamp, ...]) -> None:
    """Set the computed fields of a result at its creation."""
    msgspec.structs.force_setattr(result, "stamps", stamps)
    msgspec.structs.force_setattr(result, "replayed", has_stamp(stamps, "replayed"))


def has_stamp(stamps: Iterable[Stamp], *codes: StampCode) -> bool:
    """Whether a stamp has one of the codes."""
    return any(stamp.code in codes for stamp in stamps)


def stamp_words(stamps: Iterable[Stamp]) -> str:
    """The stamps before a line of text: '[claim, not a measurement] '; empty without a stamp."""
    return "".join(f"[{stamp.words}] " for stamp in stamps)
