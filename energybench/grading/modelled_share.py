"""How much of an energy is modelled and not measured. Pure."""

from __future__ import annotations

from energybench.model import NOT_READ, Measurement

# From this share of the energy on, a reader must know of the models beside the headline. A
# judgement: the model of the memory is within ±43 %. Below a tenth of the energy, its error is
# below the ±5 % that are the usual limit of error of a board's sensor.
LARGE = 0.1


def modelled_shares(run: Measurement) -> dict[str, float]:
    """Shares of the energy of a repeat by component, of components with a power model in place of
    a sensor and of node time that was not read. A model counts with the middle of its range.
    """
    if run.energy_j is None or run.energy_j.value <= 0:
        return {}
    total_j = run.energy_j.value
    shares: dict[str, float] = {}
    for part in run.boundary.parts:
        if part.state == "modelled" and part.low_w is not None and part.high_w is not None:
            energy_j = (part.low_w + part.high_w) / 2 * run.time_s.value
            shares[part.reported_as] = shares.get(part.reported_as, 0.0) + energy_j / total_j
    if NOT_READ in run.components_j:
        shares[NOT_READ] = run.components_j[NOT_READ].value / total_j
    return shares


def large_modelled_words(run: Measurement) -> str:
    """'32 % of the energy, cpu.dram' of an energy that is measured in part, and modelled in a
    large part; "" for any other energy.
    """
    shares = modelled_shares(run)
    share = min(sum(shares.values()), 1.0)
    if run.quality == "estimated" or share < LARGE:
        return ""
    together = " together" if len(shares) > 1 else ""
    return f"{100 * share:.2g} % of the energy, {' and '.join(sorted(shares))}{together}"
