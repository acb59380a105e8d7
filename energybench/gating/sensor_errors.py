"""Relative uncertainties of a component's energy in the form of a record: uncertainties of the
sensors, uncertainties of effects that two records of equal sensors share, and uncertainties of a
single record.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

from energybench.analysis.uncertainty.effect_kinds import KINDS
from energybench.model import UNUSED, Effect, EffectKind, Estimate, Host, Measurement

# Energies are stored to one part in a million, far below the scatter of any test.
_DIGITS = 6
# A shared error cancels except for the difference of its relative sizes. A smaller error does not
# matter in an interval of several per cent.
_NEGLIGIBLE_REL = 1e-3
# Effects that two records of equal sensors share completely. A missing part contributes no energy,
# and the component is compared without the missing part. A counter that repeats the register of a
# neighbouring die repeats the register in both runs, and the ratio of the runs is right.
_ALIKE_IN_BOTH: tuple[EffectKind, ...] = ("missing", "no-reading", "same-register")
_OF_SENSORS: tuple[EffectKind, ...] = ("gain", "limit-of-error")
# The host's part of a key: an identity of any kind, because two runs may see different kinds.
_HOST_OF_KEY = re.compile(r"@(stated|dmi|machine|boot|process|name):.*")
_BOUND_TO_RECTANGLE = 2.0  # u = limit/√12 of a bound; u = limit/√3 of a rectangle of ±limit


def digest(text: str) -> str:
    """Six hexadecimal digits that stand for a name: enough to distinguish the sensors and boards of
    a machine.
    """
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=3).hexdigest()


def rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def of_sensors(measurement: Measurement, component: str) -> dict[str, float]:
    """Relative standard uncertainties by digest of the sensor. The host's part of a key is left
    out: a comparison of the full host identities decides whether two hosts are the same machine.
    """
    calibrated = {
        stats.device: stats.calibrated_utc
        for stats in measurement.channels
        if stats.calibrated_utc is not None and stats.component == component.removesuffix(UNUSED)
    }
    host = measurement.host
    return _by_digest(
        measurement.components_j[component],
        {
            effect.name: f"{_without_host(effect.key, host)} {calibrated.get(effect.device, '')}"
            for effect in measurement.components_j[component].effects
            if effect.key is not None and effect.kind in _OF_SENSORS
        },
    )


def shared(component_j: Estimate, host: Host) -> dict[str, float]:
    """Signed relative standard uncertainties of the errors that two records of equal sensors share.

    The load at the window edges is alike in every window of a test on equal sensors: two records of
    the test share the error of the load at the edges.
    """
    keys = {
        effect.name: _without_host(effect.key, host)
        for effect in component_j.effects
        if effect.key is not None
        and effect.kind not in _OF_SENSORS
        and effect.distribution != "bound"
    }
    keys |= {effect.name: effect.name for effect in component_j.effects if _alike(effect)}
    return _worth_storing(_by_digest(component_j, keys))


def _by_digest(component_j: Estimate, keys: Mapping[str, str]) -> dict[str, float]:
    """The relative uncertainties of the effects whose names have a key."""
    sums: dict[str, float] = {}
    for effect in component_j.effects:
        if effect.name in keys:
            name = digest(keys[effect.name])
            sums[name] = sums.get(name, 0.0) + effect.u / component_j.value
    return {name: rounded(u, 3) for name, u in sums.items()}


def _worth_storing(errors: Mapping[str, float]) -> dict[str, float]:
    return {name: u for name, u in errors.items() if abs(u) > _NEGLIGIBLE_REL}


def _alike(effect: Effect) -> bool:
    return effect.kind == "load-at-edges" and effect.distribution != "bound"


def _without_host(key: str, host: Host) -> str:
    return _HOST_OF_KEY.sub("", key.removesuffix(f"@{host.name}"))


def own_rel(component_j: Estimate) -> float:
    """Relative standard uncertainty of the effects that belong to a single record.

    Effects of a single window are in the scatter of the windows. A one-sided bound counts as a
    rectangle with the reach of the bound on both sides.
    """
    variance = math.fsum(_own_u(effect) ** 2 for effect in component_j.effects)
    return rounded(math.sqrt(variance) / abs(component_j.value), 3)


def _own_u(effect: Effect) -> float:
    if effect.kind in _ALIKE_IN_BOTH or _alike(effect):
        return 0.0
    if effect.distribution == "bound":
        return _BOUND_TO_RECTANGLE * effect.u
    if effect.key is not None or KINDS[effect.kind].by_window:
        return 0.0
    return effect.u
