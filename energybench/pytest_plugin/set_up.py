"""Energy of the set-up and tear-down between the rounds of `benchmark.pedantic`.

Nobody knows the power of the set-up: it may be an accelerator's transfer beside a function that
sleeps. The set-up of a window has at most the largest power of every measured component in its
time. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from energybench.analysis.uncertainty.coverage_factors import ONE_SIDED_Z95
from energybench.gating.sensor_errors import rounded
from energybench.model import UNUSED
from energybench.pytest_plugin import record as records
from energybench.pytest_plugin.gates import CI_RECORD
from energybench.pytest_plugin.record import Record

# Share of the energy that is neither stated nor allowed for.
_NEGLIGIBLE_SHARE = 0.01
# Share of the energy above which a number is not worth stating. A judgement.
_MOST_SHARE = 0.5
_DIGITS = 3  # of an uncertainty

REMEDY = "make rounds longer, or use energy_benchmark.use(setup=…)"


def most_j(
    record: Record, outside_s: float, outside_share: float, largest_w: Mapping[str, float]
) -> dict[str, float]:
    """Largest energy of the set-up by component, J for each iteration, never more than all of it.

    outside_s      time between the rounds for each iteration, s
    outside_share  the same as a share of the time of the windows
    largest_w      largest power by measured component, W. A modelled component has the same power
                   in all of the time
    """
    joules = {}
    for component, (value, _, _) in record.get("components_j", {}).items():
        limit_w = largest_w.get(component.removesuffix(UNUSED))
        own_j = outside_share * value if limit_w is None else limit_w * outside_s
        joules[component] = min(own_j, max(value, 0.0))
    return joules


def allow_for(record: Record, set_up_j: Mapping[str, float]) -> str | None:
    """Let the intervals of a record reach down by the energy of the set-up, for the table and for
    the gates. Returns the reason why the record has no energy of the function; None: it has.

    set_up_j  largest energy of the set-up by component, J for each iteration
    """
    value, low, high = record["energy_j"]
    whole_j = sum(set_up_j.values())
    if whole_j < _NEGLIGIBLE_SHARE * value:
        return None
    share = whole_j / value if value > 0 else 1.0
    if share > _MOST_SHARE:
        why = f"pedantic: the set-up between the rounds may hold {share:.0%} of the energy"
        return f"{why}: {REMEDY}"
    record["energy_j"] = [value, max(low - whole_j, 0.0), high]
    for component, joules in set_up_j.items():
        own, own_low, own_high = record["components_j"][component]
        record["components_j"][component] = [own, max(own_low - joules, 0.0), own_high]
    records.note(
        record,
        f"up to {share:.0%} of the energy may be the set-up's, between the rounds: the interval "
        "reaches down by it",
    )
    if CI_RECORD in record:
        _allow_for_in_gate(record[CI_RECORD], set_up_j, whole_j)
    return None


def _allow_for_in_gate(ci_record: Record, set_up_j: Mapping[str, float], whole_j: float) -> None:
    """The record of a gate: a set-up that came in or went is an error of this record alone, which
    the one-sided 95 % bound of a change covers.
    """
    if ci_record.get("energy_j") is not None:
        value, low, high = ci_record["energy_j"]
        ci_record["energy_j"] = [value, max(low - whole_j, 0.0), high]
    windows_j = ci_record.get("windows_j", {})
    means_j = {name: math.fsum(cells) / len(cells) for name, cells in windows_j.items()}
    compared_j = math.fsum(means_j.values())
    if compared_j <= 0:
        return
    # the errors of the components add up, for one set-up may use all components
    share = min(math.fsum(set_up_j.get(name, 0.0) for name in means_j) / compared_j, _MOST_SHARE)
    u_rel = -math.log1p(-share) / ONE_SIDED_Z95
    squares = math.fsum((joules / compared_j) ** 2 for joules in means_j.values())
    own_u_rel = ci_record.setdefault("own_u_rel", {})
    for name in means_j:
        # own errors of components are added in quadrature with their shares of the energy
        u = math.hypot(own_u_rel.get(name, 0.0), u_rel / math.sqrt(squares))
        own_u_rel[name] = rounded(u, _DIGITS)
