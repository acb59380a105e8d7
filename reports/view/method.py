"""The words of the method that a document needs: a page explains only what it shows.

Text in braces after an underscore is a subscript: `P_{idle}`. A format sets it as it can.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from energybench.model import SCI_LINES, Comparison, Document, Measurement, Projection, Study


def terms(document: Document) -> frozenset[str]:
    """Names of the entries of the method: those of quantities in the document."""
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    projections: tuple[Projection, ...] = document.of(Projection)
    studies: tuple[Study, ...] = document.of(Study)
    shown = {
        "gross": bool(measurements or comparisons or studies),
        "net": any(m.net_energy_j is not None for m in measurements)
        or any(pair.net_energy_ratio is not None for pair in comparisons),
        "boundary": bool(measurements or comparisons or studies)
        or any(projection.boundary is not None for projection in projections),
        "interval": bool(document.results),
        "ratio": bool(comparisons or studies),
        "verdict": bool(comparisons),
        "projection": bool(projections),
        "fleet": any(projection.model == "fleet" for projection in projections),
        "efficiency": any(
            projection.model == "fleet" and projection.mode == "time-to-solution"
            for projection in projections
        ),
        "sci": any(
            projection.model == "fleet" and line.name in SCI_LINES
            for projection in projections
            for line in projection.lines
        ),
        "scope": bool(comparisons or studies),
    }
    return frozenset(term for term, present in shown.items() if present)


class MethodWords(NamedTuple):
    """entries: (term, explanation); sources: sentences of one paragraph, without if empty."""

    first: str
    entries: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]


FIRST = "Every number has its interval. A value without a measurement is shown as “not measured”."
_SUBSCRIPT = re.compile(r"_\{([^}]*)\}")


def words(terms: frozenset[str]) -> MethodWords:
    """The explanations of these terms, in order, and their sources."""
    entries = (
        ("gross", "Gross energy", _gross(terms)),
        ("net", "Net energy", _NET),
        ("boundary", "Boundary", _BOUNDARY),
        ("interval", "Interval", _interval(terms)),
        ("ratio", "Energy ratio", _RATIO),
        ("verdict", "Verdict", _VERDICT),
        ("fleet", "Projection", _fleet(terms)),
        ("sci", "SCI score", _SCI),
        ("scope", "Scope", _SCOPE),
    )
    sources = (
        ("gross", _SOURCES_OF_ENERGY),
        ("scope", _SOURCES_OF_SCOPE),
        ("sci", "Software Carbon Intensity, ISO/IEC 21031."),
    )
    cited = tuple(text for term, text in sources if term in terms)
    return MethodWords(
        FIRST,
        tuple((title, text) for term, title, text in entries if term in terms),
        ("Sources: JCGM 100 and 101 (GUM and its supplement 1, Monte Carlo).", *cited)
        if terms
        else (),
    )


def pieces(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a subscript."""
    parts = _SUBSCRIPT.split(text)
    return [(part, number % 2 == 1) for number, part in enumerate(parts) if part]


def _gross(terms: frozenset[str]) -> str:
    begin = (
        "The whole energy of the parts in the boundary during the work: E = ∫ P dt, summed over "
        "the parts. The headline "
    )
    return begin + ("and every projection are gross." if "projection" in terms else "is gross.")


def _interval(terms: frozenset[str]) -> str:
    if "gross" not in terms:
        return (
            "95 % unless stated otherwise. It combines the ranges of the inputs by Monte Carlo "
            "with a fixed seed."
        )
    return (
        "95 % unless stated otherwise. It combines the scatter of the repeats (Student t) and the "
        "effects of the sensors by Monte Carlo with a fixed seed. More repeats do not reduce the "
        "effects of gain, lag and boundary."
    )


def _fleet(terms: frozenset[str]) -> str:
    """The formulas of the fleet model, with the parallel efficiency of one job over many nodes."""
    upper, lower, named = "", "(S · u_{c})", ""
    if "efficiency" in terms:
        upper, lower, named = " · η_{b}", "(S · u_{c} · η_{c})", "η: parallel efficiency, "
    return (
        f"N_{{candidate}} = ⌈N_{{baseline}} · u_{{b}}{upper} / {lower}⌉ and E = PUE · h · N · "
        "[u · P_{run} + (1 − u) · P_{idle} + P_{uncovered}] / η_{PSU}, gross. N: nodes, u: "
        f"utilisation, {named}η_{{PSU}}: efficiency of the power supply, h: hours a month. "
        "Saved energy = E_{baseline} · (1 − 1/R) at full utilisation."
    )


_NET = (
    "E − P_{idle} · T. All repeats with the same idle phase share the uncertainty of its power. "
    "Net energy is not given if its interval contains 0."
)
_BOUNDARY = (
    "The parts of the node whose energy the joules include. A part is measured, modelled (from a "
    "stated range of power, whose middle is in the sum) or missing (not in the sum; its range "
    "extends the interval upward). Energy outside the boundary is never added by a factor."
)
_RATIO = (
    "R = E_{baseline} / E_{candidate} and speedup S = T_{baseline} / T_{candidate}, so that "
    "R = S · P_{baseline} / P_{candidate}. An error that both sides share cancels in R: the gain "
    "of one board in two runs on that board, but not the gains of two boards."
)
_VERDICT = (
    "Better or worse if the interval lies on one side of 1; equivalent if the interval lies within "
    "1/(1 + m) … 1 + m with the margin m; inconclusive otherwise. If a side is estimated, there is "
    "no verdict, and the figure is called time x assumed power."
)
_SCI = (
    "(E · I + M) per R, for both sides: E: energy of a month, I: carbon intensity of the place, M: "
    "the month's share of the embodied carbon of the nodes, R: units of work of the month."
)
_SCOPE = (
    "A node is one sample of its kind: identical accelerators differ by 8 % on average and by up "
    "to 22 %. With fewer than five nodes of a kind, the result is valid for these nodes only."
)
_SOURCES_OF_ENERGY = (
    "EE HPC WG, Energy Efficient High Performance Computing Power Measurement Methodology v2. "
    "Yang, Adámek and Armour, arXiv 2312.02741 (accuracy of board sensors, SC24). Desrochers et "
    "al., MEMSYS 2016 (RAPL against a meter)."
)
_SOURCES_OF_SCOPE = (
    "Sinha et al., arXiv 2208.11035 (variability between identical accelerators). Welch 1947 on "
    "the logarithms of ratios."
)
