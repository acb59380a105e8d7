"""Published figures in words: each beside the figure that follows from published or measured
inputs, with the verdict, and how many figures have which verdict.
"""

from __future__ import annotations

from collections import Counter

from energybench.model import (
    Claim,
    Estimate,
    MeanValue,
    Projection,
    is_of_recording,
    verdict_words,
)
from energybench.units import show_beside
from energybench.value_ranges import show_range
from energybench_reports.view.layout import Table, ratio_axis
from energybench_reports.view.wording import TableCell, Tone, or_dash, plain, published

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "consistent": ("consistent with it", "good"),
    "needs": ("needs more than was published", "warn"),
    "contradicts": ("contradicts itself", "bad"),
    "cannot-be-derived": ("cannot be derived", "warn"),
}

# Of several published figures, and of one.
_COUNTS = {
    "fixes": (
        "fix a quantity that no other figure tests",
        "fixes a quantity that no other figure tests",
    ),
    "needs": ("need more than was published", "needs more than was published"),
    "contradicts": ("contradict themselves", "contradicts itself"),
    "cannot-be-derived": ("cannot be derived", "cannot be derived"),
}
_OPERATORS = {
    "=": "",
    "at-least": "at least ",
    "at-most": "at most ",
    "up-to": "up to ",
    "about": "about ",
}
_MEANS = ("arithmetic", "geometric", "energy-weighted")


# ---------------------------------------------------------------- how many figures hold


def score(projection: Projection) -> TableCell | None:
    """'4 of 7 consistent', with the note '3 need more than was published'. Plausibility checks and
    figures whose inputs were inferred from the figure itself do not count; None if no claim counts.
    """
    counted = [
        claim for claim in projection.claims if claim.kind == "published" and not claim.circular
    ]
    if not counted:
        return None
    counts: Counter[str] = Counter(_count(claim) for claim in counted)
    others = [
        f"{counts[verdict]} {words[counts[verdict] == 1]}"
        for verdict, words in _COUNTS.items()
        if counts[verdict]
    ]
    if any(is_of_recording(claim, projection) for claim in counted):
        others.append("tested against a recording, not against a measurement")
    return TableCell(f"{counts['consistent']} of {len(counted)} consistent", ", ".join(others))


def _count(claim: Claim) -> str:
    """The key of _COUNTS under which a claim counts."""
    return "fixes" if _fixes(claim) else claim.verdict


def _fixes(claim: Claim) -> bool:
    """Whether the figure alone determines an open quantity: it would be consistent whatever it
    were.
    """
    return bool(claim.fixes) and claim.verdict == "consistent"


def _verdict(claim: Claim) -> tuple[str, Tone]:
    if _fixes(claim):
        return f"fixes {plain(' and '.join(claim.fixes))}, no evidence", "warn"
    return _VERDICTS[claim.verdict]


# ---------------------------------------------------------------- figure by figure


def table(projection: Projection, title: str) -> Table:
    """Claimed beside derived; of a mean that the publication does not name, a further row for each
    mean. The axis shows derived / claimed: the claim is at 1.
    """
    rows, ratios, tones = [], [], []
    for claim in projection.claims:
        words, tone = _verdict(claim)
        claimed = TableCell(_OPERATORS[claim.operator] + published(claim.claimed, claim.unit))
        name = TableCell(_name(claim), plain(claim.source))
        why = TableCell(plain(claim.why), _needs(claim))
        entries = [(name, claim.derived, words, tone, why)]
        entries += [_under_mean(claim, one) for one in claim.by_mean]
        for name, derived, words, tone, why in entries:
            if is_of_recording(claim, projection):
                words = verdict_words(words, replayed=True)
                tone = "warn" if tone == "good" else tone
            verdict = TableCell(words, tone=tone)
            rows.append((name, claimed, _derived(claim, derived), verdict, why))
            ratios.append(_over_claimed(claim, derived))
            tones.append(tone)
    axis, marks = ratio_axis("derived / claimed", ratios, tones=tones)
    head = ("claim", "claimed", "derived", "verdict", "why")
    return Table(title, head, tuple(rows), axis=axis, marks=marks)


def _under_mean(claim: Claim, one: MeanValue) -> tuple[TableCell, Estimate, str, Tone, TableCell]:
    """Name, figure, verdict with its tone, and an empty reason."""
    name = TableCell(f"{plain(claim.name)} as {plain(one.mean)} mean")
    if claim.untested:
        holds = "holds" if one.holds else "does not hold"
        return name, one.value, f"{holds} over a part of the applications", "warn", TableCell("")
    if one.holds:
        return name, one.value, "holds", "good", TableCell("")
    return name, one.value, "does not hold", "bad", TableCell("")


def _name(claim: Claim) -> str:
    """The name of a claim, with its mean or application and its kind if the name lacks them."""
    name = plain(claim.name)
    if claim.of == "not said":
        name += " (mean not said)"
    elif claim.of in _MEANS:
        name += f" ({claim.of} mean)"
    elif claim.of and claim.of.casefold() not in claim.name.casefold():
        name += f" ({plain(claim.of)})"
    return f"plausibility of {name}" if claim.kind == "plausibility-check" else name


def _derived(claim: Claim, derived: Estimate | None) -> TableCell:
    """The derived figure with digits enough to tell it from the claim."""
    if derived is None:
        return or_dash(None)
    if claim.solved:
        reach = show_range(derived.low, derived.high, plain(claim.unit))
        return TableCell(reach, "over all solutions")
    text, _, interval = show_beside(derived, claim.claimed, plain(claim.unit)).partition(" [")
    return TableCell(text, f"[{interval}" if interval else "")


def _needs(claim: Claim) -> str:
    return plain(f"needs {'; or '.join(claim.needs)}") if claim.needs else ""


def _over_claimed(claim: Claim, derived: Estimate | None) -> Estimate | None:
    if derived is None or claim.claimed <= 0:
        return None
    return Estimate(
        value=derived.value / claim.claimed,
        low=derived.low / claim.claimed,
        high=derived.high / claim.claimed,
    )
