"""The modelled part of an energy in words, for the place beside the headline."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.grading.modelled_share import large_modelled_words
from energybench.model import Measurement
from energybench_reports.view.wording import TableCell, plain

NAME = "modelled, not measured"


def words(runs: Sequence[Measurement]) -> str:
    """'31 % of the energy, cpu.dram', of several runs with their labels; "" if no run has a large
    modelled part.
    """
    shares = [(plain(run.label) or plain(run.id), plain(large_modelled_words(run))) for run in runs]
    if len(runs) == 1:
        return shares[0][1]
    return "; ".join(f"{label}: {share}" for label, share in shares if share)


def facts(runs: Sequence[Measurement]) -> tuple[tuple[str, TableCell], ...]:
    """The same as a fact beside the headline, or no fact."""
    shares = words(runs)
    return ((NAME, TableCell(shares, tone="warn")),) if shares else ()
