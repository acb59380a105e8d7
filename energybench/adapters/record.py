"""The figures of merit of a run's repeats, and what the output states, as the record of the run."""

from __future__ import annotations

from energybench.adapters.adapter_file import LoadedAdapter
from energybench.adapters.outcome import Outcome
from energybench.model import Series, WorkRecord

_MOST_REPEATS = 10_000


class Figures:
    """Collects the figures of merit, repeat by repeat."""

    def __init__(self, loaded: LoadedAdapter) -> None:
        self._loaded = loaded
        self._figures: list[float | None] = []

    def with_repeat(self, told: Outcome) -> WorkRecord:
        """The record up to this repeat."""
        adapter = self._loaded.adapter
        rule = adapter.figure_of_merit
        if len(self._figures) < _MOST_REPEATS:
            self._figures.append(told.figure)
        figures: dict[str, float] = {}
        series: tuple[Series, ...] = ()
        if rule is not None and told.figure is not None:
            figures[f"figure of merit of the last repeat, {rule.unit}"] = told.figure
        if rule is not None and any(figure is not None for figure in self._figures):
            series = (
                Series(
                    name="figure of merit",
                    x=tuple(float(i) for i in range(1, len(self._figures) + 1)),
                    y=tuple(self._figures),
                    x_title="repeat",
                    y_title=rule.unit,
                ),
            )
        stated = ", ".join(f"{name} {word}" for name, word in told.values.items())
        problem = {"problem": told.work.fingerprint} if told.work is not None else {}
        return WorkRecord(
            title=f"What {adapter.name} states",
            statement={**problem, "values of the last repeat": stated},
            figures=figures,
            series=series,
        )
