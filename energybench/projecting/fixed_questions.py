"""Four questions that a centre asks: the candidate's fleet with as many nodes, at the same budget,
the same power or the same performance as the baseline nodes whose load moves.

Nodes are whole: as many as the fixed quantity pays for. The candidate's nodes run at their own
utilisation; with fixed performance, at that of the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from energybench.formula import parse
from energybench.model import BoundaryName, Estimate, FixedQuestion, Input
from energybench.projecting import carbon, fleet
from energybench.projecting.fleet_inputs import included
from energybench.projecting.line_chain import LineChain

Fixed = Literal["nodes", "budget", "power", "performance"]


class _Nodes(NamedTuple):
    """The number of candidate nodes of a question: a formula, or "" with the reason."""

    formula: str
    why: str


def questions(
    chain: LineChain,
    inputs: Mapping[str, Input],
    mode: str,
    boundary: BoundaryName,
    currency: str | None,
) -> tuple[FixedQuestion, ...]:
    """The four questions, with the saving against the baseline nodes whose load moves.

    chain  with the lines of the fleet model
    """
    book = _Formulas(inputs, mode, boundary)
    asked: dict[Fixed, _Nodes] = {
        "nodes": _Nodes("floor(nodes_moved)", "as many candidate nodes as baseline nodes"),
        "budget": book.of_budget(),
        "power": _Nodes(
            f"floor(nodes_moved * {book.power('baseline')} / {book.power('candidate')})",
            "as much power as the baseline nodes draw when all of them run",
        ),
        "performance": _Nodes("nodes_candidate", "the same work a month: the projection itself"),
    }
    return tuple(_answered(chain, book, fixed, nodes, currency) for fixed, nodes in asked.items())


class _Formulas:
    """Formulas over the inputs and lines of the fleet model, for a number of candidate nodes."""

    def __init__(self, inputs: Mapping[str, Input], mode: str, boundary: BoundaryName) -> None:
        self._inputs, self._mode = inputs, mode
        self._counted = included(inputs, boundary)

    def power(self, side: str) -> str:
        """Power of a running node, with everything that the energy of a month has: W."""
        return f"({fleet.node_power(self._inputs, self._counted, side, f'power_{side}_w')})"

    def energy(self, nodes: str) -> str:
        """Energy of a month of candidate nodes at their own utilisation, MWh."""
        return fleet.energy(
            self._inputs, self._counted, nodes, "candidate", "utilisation_candidate"
        )

    def of_budget(self) -> _Nodes:
        if "instance_price_candidate_per_h" in self._inputs:
            return _Nodes(
                "floor(nodes_moved * instance_price_baseline_per_h / "
                "instance_price_candidate_per_h)",
                "as much money a month for node-hours",
            )
        if "energy_price_per_kwh" in self._inputs:
            return _Nodes(
                f"floor(baseline_energy_mwh / ({self.energy('1')}))",
                "as much money a month for electricity, the only price that is stated",
            )
        return _Nodes("", "no price is stated")

    def answers(self, fixed: Fixed, nodes: str, currency: str | None) -> list[tuple[str, str, str]]:
        """(words, formula, unit) of the other quantities."""
        is_projection = fixed == "performance"
        saved = (
            "saved_energy_mwh"
            if is_projection
            else (f"(baseline_energy_mwh - {self.energy(f'({nodes})')})")
        )
        rows = [
            ("candidate nodes", nodes, "nodes"),
            ("work a month, that of the baseline = 1", self._performance(fixed, nodes), ""),
            ("energy saved a month", saved, "MWh"),
            (
                "power saved, all nodes running",
                f"(nodes_moved * {self.power('baseline')} - ({nodes}) * "
                f"{self.power('candidate')}) / 1000",
                "kW",
            ),
        ]
        if "instance_price_candidate_per_h" in self._inputs:
            cost = (
                "hours_per_month * (nodes_moved * instance_price_baseline_per_h - "
                f"({nodes}) * instance_price_candidate_per_h)"
            )
            rows.append(("money saved a month, node-hours", cost, currency or ""))
        elif "energy_price_per_kwh" in self._inputs:
            cost = f"{saved} * 1000 * energy_price_per_kwh"
            rows.append(("money saved a month, electricity", cost, currency or ""))
        for intensity in carbon.SAVED.values():
            if intensity in self._inputs:
                words = carbon.words(self._inputs[intensity])
                formula = f"{saved} * {intensity} / 1000"
                rows.append((f"carbon saved a month, {words}", formula, "t CO2e"))
        return rows

    def _performance(self, fixed: Fixed, nodes: str) -> str:
        if fixed == "performance":
            return "1"
        first, second = "", ""
        if self._mode == "time-to-solution":
            first, second = " * efficiency_candidate", " * efficiency_baseline"
        return (
            f"({nodes}) * utilisation_candidate * speedup{first} / "
            f"(nodes_moved * utilisation_baseline{second})"
        )


def _answered(
    chain: LineChain, book: _Formulas, fixed: Fixed, nodes: _Nodes, currency: str | None
) -> FixedQuestion:
    why = nodes.why
    rows = book.answers(fixed, nodes.formula or "1", currency)
    estimates: list[Estimate | None] = [None] * len(rows)
    if nodes.formula:
        key = f"{chain.where}: sensitivity.{fixed}"
        count = chain.estimate(parse(nodes.formula, key), key)
        if count.value >= 1:
            estimates = [chain.estimate(parse(formula, key), key) for _, formula, _ in rows]
        else:
            estimates[0], why = count, f"{why}; not enough for one candidate node"
    answers = zip(rows, estimates, strict=True)
    return FixedQuestion(
        fixed=fixed,
        answers=tuple((words, estimate, unit) for (words, _, unit), estimate in answers),
        why=why,
    )
