"""The headline of a projection: what its scenario is about, the saving of a month, and the verdicts
on published figures.
"""

from __future__ import annotations

from energybench.model import Estimate, Projection, carbon_basis, has_stamp, stamp_words
from energybench.units import show
from energybench_reports.view import claims
from energybench_reports.view.layout import Answer
from energybench_reports.view.wording import TableCell, plain, value

Fact = tuple[str, TableCell]


def heading(projection: Projection) -> str:
    return plain(projection.title) or plain(projection.scenario)


def answer(projection: Projection) -> Answer:
    """The saving of a month; of a publication that leaves quantities open, the verdicts on its
    figures.
    """
    title = heading(projection)
    energy = projection.saved_mwh_per_month
    assumed = has_stamp(projection.stamps, "estimated")
    name = f"energy saved a month{', from assumed powers' if assumed else ''}"
    facts, score = _facts(projection), claims.score(projection)
    figure, words = None, "not given"
    if energy is not None:
        figure, words = value(energy, "MWh"), show(energy, "MWh")
    elif score is not None:
        # the score is the answer, and not a fact beside it
        name, figure, words = "published figures", score, score.line
    if energy is not None and score is not None:
        facts = (*facts, ("published figures", score))
    figures = [words, *(f"{fact} {cell.line}" for fact, cell in facts)]
    return Answer(
        kind="projection",
        title=title,
        figure_name=name,
        figure=figure,
        sentence=_sentence(projection),
        verdict="",
        verdict_words="",
        tone="warn" if projection.stamps else "",
        assumed=assumed,
        facts=facts,
        line=f"{stamp_words(projection.stamps)}{title}: {name} {', '.join(figures)}",
        stamps=tuple(stamp.words for stamp in projection.stamps),
    )


def _sentence(projection: Projection) -> str:
    """What the scenario is about, and the meaning of its answer."""
    about = plain(projection.about)
    if about and about[-1] not in ".!?":
        about += "."
    meaning = (
        f"Scenario {plain(projection.scenario)}: {_direction(projection)} The tables below show "
        "every line with its formula and inputs."
    )
    return f"{about} {meaning}".strip()


def _facts(projection: Projection) -> tuple[Fact, ...]:
    """Money and carbon, if the projection has any."""
    facts = []
    if projection.saved_cost_per_month is not None:
        facts.append(("money saved a month", _money(projection, projection.saved_cost_per_month)))
    if projection.saved_tco2e_per_month is not None:
        carbon = value(projection.saved_tco2e_per_month, "t CO2e")
        facts.append(("carbon saved a month", _noted(carbon, carbon_basis(projection))))
    return tuple(facts)


def _money(projection: Projection, cost: Estimate) -> TableCell:
    """The saving, with the kind of money: price of electricity, or price of node-hours."""
    cell = value(cost, projection.currency or "")
    kinds = [line.label or line.note for line in projection.lines if line.value == cost]
    return _noted(cell, plain(kinds[0])) if kinds and kinds[0] else cell


def _noted(cell: TableCell, words: str) -> TableCell:
    """The cell with words behind its note: its interval, which an exact value lacks."""
    return cell._replace(note=f"{cell.note} ({words})" if cell.note else words)


def _direction(projection: Projection) -> str:
    energy = projection.saved_mwh_per_month
    if energy is None and projection.solution is not None:
        return (
            "the publication leaves quantities open, so that no saving is derived; the claims are "
            "solved for these quantities."
        )
    if energy is None:
        return "it does not give a saving of energy."
    if energy.low > 0:
        return "the gross energy that the candidate's fleet saves for the same work."
    if energy.high < 0:
        return "negative, because the candidate's fleet uses more energy for the same work."
    return "the interval contains 0, so that a saving is not shown."
