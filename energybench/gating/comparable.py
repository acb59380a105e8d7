"""Whether two records of a test may be compared, and over which components."""

from __future__ import annotations

from typing import NamedTuple

from energybench.gating.records import HostIdentity, Record, models, totals_j
from energybench.model import same_identity


class Common(NamedTuple):
    """Components of two comparable records.

    measured  components that are measured on both sides, over which the energies are compared
    left_out  the remaining components, each with its state: "cpu.dram (modelled)"
    """

    measured: tuple[str, ...]
    left_out: tuple[str, ...]


class NotComparable(NamedTuple):
    """The reason why two records are not compared.

    off     True if the gate is off: nothing was measured, or the energy is an estimate
    reason  one line
    """

    off: bool
    reason: str


def common(baseline: Record, candidate: Record) -> Common | NotComparable:
    """The components for a comparison of two records of a test, or why they are not compared."""
    unusable = without_energy(candidate, "this run") or without_energy(baseline, "the baseline")
    if unusable is not None:
        return unusable
    reason = (
        _work(baseline, candidate) or _machine(baseline, candidate) or _parts(baseline, candidate)
    )
    if reason is not None:
        return NotComparable(False, reason)
    measured = tuple(name for name in candidate.windows_j if name in baseline.windows_j)
    if not measured:
        return NotComparable(False, "no part is measured on both sides")
    differing = [name for name in measured if _keys(baseline, name) != _keys(candidate, name)]
    if differing:
        return NotComparable(False, f"other sensors measured {', '.join(differing)}")
    for side, words in ((candidate, "this run"), (baseline, "the baseline")):
        if min(totals_j(side, measured)) <= 0:
            return NotComparable(True, f"a round of {words} shows no energy: longer rounds")
    left_out = []
    for name, state in candidate.parts.items():
        if name not in measured:
            before = baseline.parts[name]
            states = state if state == before else f"{before} in the baseline, now {state}"
            left_out.append(f"{name} ({states})")
    return Common(measured, tuple(left_out))


def without_energy(some: Record, words: str) -> NotComparable | None:
    """The reason why a record has no energy that a gate may judge; None: the record has an energy.

    words  name of the record in the text of the reason
    """
    if some.cut:
        return NotComparable(True, f"{words} was cut off before its work was done")
    if some.failed:
        return NotComparable(True, f"{words} failed a check: its energy is not that of the work")
    if some.quality is None or some.energy_j is None:
        return NotComparable(True, f"{words} has no measured energy")
    if some.quality == "estimated":
        return NotComparable(True, f"the energy of {words} is an estimate: no sensor answers")
    return None


def same_host(first: HostIdentity, second: HostIdentity) -> bool:
    """Whether two records are of one machine, judged by a common accelerator or by identities."""
    if set(first.gpus) & set(second.gpus):
        return True
    return same_identity(first.ids, second.ids) is True


def _work(baseline: Record, candidate: Record) -> str | None:
    """The reason against a comparison if the energies are of different units of work, or of
    different problems; None without a reason.
    """
    if baseline.work == candidate.work:
        return None
    works = [side.work or "no stated work" for side in (baseline, candidate)]
    return f"other work: {works[0]} in the baseline, now {works[1]}"


def _machine(baseline: Record, candidate: Record) -> str | None:
    """The reason against a comparison if machines, accelerators or drivers differ."""
    if not same_host(baseline.host, candidate.host):
        return (
            f"the baseline is of another machine ({baseline.host.name or 'without a name'}): "
            "ENERGYBENCH_HOST_ID names a machine that restarts, or whose identity is hidden"
        )
    if models(baseline) != models(candidate):
        names = [", ".join(side.gpu_models) or "none" for side in (baseline, candidate)]
        return f"other accelerators: {names[0]} in the baseline, now {names[1]}"
    drivers = (baseline.driver, candidate.driver)
    if drivers[0] != drivers[1] and any(name.startswith("gpu") for name in candidate.windows_j):
        return f"another driver: {drivers[0]} in the baseline, now {drivers[1]}"
    return None


def _parts(baseline: Record, candidate: Record) -> str | None:
    """The reason against a comparison if boundaries or components differ."""
    if baseline.boundary != candidate.boundary:
        return f"other boundaries: {baseline.boundary} in the baseline, now {candidate.boundary}"
    names = (set(baseline.parts), set(candidate.parts))
    if names[0] != names[1]:
        sides = [", ".join(sorted(side)) or "none" for side in names]
        return f"other parts: {sides[0]} in the baseline, now {sides[1]}"
    return None


def _keys(some: Record, component: str) -> set[str]:
    return set(some.sensors.get(component, {}))
