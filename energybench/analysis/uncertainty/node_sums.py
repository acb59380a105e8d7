"""Sums over nodes: the total of the nodes' estimates, with few effects in place of thousands.

A node has about forty effects for ten channels, a thousand nodes have forty thousand. `compact`
reduces them to a few hundred. The uncertainty of the total does not change, and the uncertainty of
a ratio or a difference of two totals hardly changes:

- A key on several nodes (the lag of a sensor model, a site's range) marks a common error. The
  contributions of the nodes add up, and the sum stays an effect of its own.
- Effects without a key are independent of every effect. Effects without a key of equal kind and
  component become a single normal effect, except effects that are too large (see `folding`).
- Bounds without a key add up to a single bound downward and a single bound upward.
- A key of a single node (the gain of a board) may also occur on the opposite side of a comparison,
  or in a second quantity of the job. Up to KEPT_KEYS of these effects of equal kind and component
  stay unchanged. More effects are divided, by a hash of the key, into SHARES shares. A share is a
  single effect, and the key of the share is made from the keys inside. Two totals over equal boards
  have shares with equal keys, and the common errors of the boards cancel. Totals over different
  boards have different keys and are independent. If a board is exchanged, only the share of this
  board counts as a different error: the interval becomes wider, never too narrow.

Inside a share, random contributions add up with random signs, and a hash of the key decides the
sign. The product of two sums with random signs is right on average, also if the proportions of the
boards' energies differ between the two sides (count sketch: Charikar, Chen and Farach-Colton,
"Finding frequent items in data streams", 2002). The shares of a kind are scaled to have exactly the
variance of the effects. Bounds add up with their own signs: in a ratio, the bounds of a share go to
an end together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from energybench.analysis.uncertainty import effect_kinds
from energybench.analysis.uncertainty.effects import combine
from energybench.analysis.uncertainty.folding import FOLD_ABOVE, normal_u, replaceable
from energybench.model import Effect, EffectKind, Estimate, SensorSort

KEPT_KEYS = 64
SHARES = 32
_SHARE = "share:"  # beginning of the key of a share


def sum_of_nodes(nodes: Sequence[Estimate], scatter: Effect | None = None) -> Estimate:
    """The sum of the nodes' estimates: energy, power or idle power of a job.

    nodes    an estimate for every node. The parts of a node (restarts) must already be summed:
             otherwise a key of a single node would look like a key of several nodes
    scatter  run-to-run scatter of the sum, from the sums of the repeats over the nodes. Replaces
             the scatters of the nodes: if the nodes ran their repeats together, the scatters are
             not independent. None: the scatters of the nodes count, as independent effects; the
             scatter of a node with three repeats or fewer stays a separate effect and is drawn
    Raises ValueError if `nodes` is empty.
    """
    if not nodes:
        raise ValueError("no nodes")
    effects = [
        [effect for effect in node.effects if scatter is None or effect.kind != "scatter"]
        for node in nodes
    ]
    total = math.fsum(node.value for node in nodes)
    return combine(total, (*compact(effects), *((scatter,) if scatter else ())))


def compact(nodes: Sequence[Iterable[Effect]]) -> tuple[Effect, ...]:
    """The effects of a sum over nodes, from the effects of the nodes' summands.

    Up to FOLD_ABOVE effects in total, only contributions with equal keys are added up.

    nodes  effects of every node, in the unit of the sum. Effects of size 0 also go into the key of
           a share: two quantities of equal nodes then have equal keys
    """
    keyed, kept = _by_key(nodes)
    if len(keyed) + len(kept) <= FOLD_ABOVE:
        return tuple(effect for effect in (*kept, *(effect for effect, _ in keyed)) if effect.u)
    groups: dict[_Group, list[Effect]] = {}
    shared: list[Effect] = []
    for effect, is_shared in keyed:
        if is_shared:
            shared.append(effect)
        else:
            groups.setdefault(_group(effect), []).append(effect)
    for effect in kept:
        groups.setdefault(_group(effect), []).append(effect)
    for group, effects in groups.items():
        shared += _compacted(group, effects)
    return tuple(effect for effect in shared if effect.u)


def is_share(effect: Effect) -> bool:
    """Whether the effect is a share of many effects. The shares of a kind have a common name."""
    return effect.key is not None and effect.key.startswith(_SHARE)


# ---------------------------------------------------------------- grouping

_Group = tuple[str, EffectKind | str, SensorSort | None, int, bool]
"""Component; kind, or the name of an effect without a component; sort of sensor; 0 for random
effects, −1 for bounds downward and 1 for bounds upward; whether the effects have keys."""


def _group(effect: Effect) -> _Group:
    side = 0
    if effect.distribution == "bound":
        side = -1 if effect.u < 0 else 1
    words = effect.kind if effect.component else effect.name
    return effect.component, words, effect.sensor, side, effect.key is not None


def _by_key(
    nodes: Sequence[Iterable[Effect]],
) -> tuple[list[tuple[Effect, bool]], list[Effect]]:
    """A random effect and a bound for every key, each with True if the key occurs on several nodes;
    and the effects without a key.
    """
    sums: dict[tuple[str, bool], tuple[Effect, float, int, bool]] = {}
    without: list[Effect] = []
    for node, effects in enumerate(nodes):
        for effect in effects:
            if effect.key is None:
                without.append(effect)
                continue
            place = (effect.key, effect.distribution == "bound")
            first, u, first_node, is_shared = sums.get(place, (effect, 0.0, node, False))
            sums[place] = (first, u + effect.u, first_node, is_shared or first_node != node)
    keyed = [
        (msgspec.structs.replace(first, u=u) if u != first.u else first, is_shared)
        for first, u, _, is_shared in sums.values()
    ]
    return keyed, without


# ---------------------------------------------------------------- one group


def _compacted(group: _Group, effects: Sequence[Effect]) -> list[Effect]:
    """Few effects in place of the effects of a group."""
    *_, side, has_keys = group
    if len(effects) == 1 or (has_keys and len(effects) <= KEPT_KEYS):
        return list(effects)
    if side:
        sizes = np.array([effect.u for effect in effects])
        fits = np.ones(len(effects), dtype=np.bool_)
    else:
        sizes = np.array([normal_u(effect) for effect in effects])
        fits = replaceable(effects, sizes)
    together = [effect for effect, fit in zip(effects, fits, strict=True) if fit]
    large = [effect for effect, fit in zip(effects, fits, strict=True) if not fit]
    if len(together) < 2:
        return list(effects)
    if has_keys:
        return [*large, *_shares(together, sizes[fits].tolist(), is_bound=side != 0)]
    u = float(sizes.sum()) if side else math.sqrt(float(np.sum(sizes[fits] ** 2)))
    return [*large, _together(together, u, None)]


def _shares(effects: Sequence[Effect], sizes: Sequence[float], *, is_bound: bool) -> list[Effect]:
    """The effects divided into shares by their keys."""
    members: dict[int, list[tuple[str, float]]] = {}
    for effect, size in zip(effects, sizes, strict=True):
        key = effect.key or ""
        digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
        sign = -1.0 if digest[0] & 1 and not is_bound else 1.0
        share = int.from_bytes(digest[1:], "little") % SHARES
        members.setdefault(share, []).append((key, sign * size))
    sums = {share: math.fsum(size for _, size in members[share]) for share in sorted(members)}
    scale = 1.0
    if not is_bound:
        left = math.fsum(u * u for u in sums.values())
        scale = math.sqrt(math.fsum(size * size for size in sizes) / left) if left else 1.0
    return [
        _together(
            effects,
            scale * u,
            _SHARE + _digest(key for key, _ in members[share]),
        )
        for share, u in sums.items()
    ]


def _digest(keys: Iterable[str]) -> str:
    """A name of a set of keys, independent of the order of the keys."""
    text = msgspec.json.encode(sorted(keys))
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _together(effects: Sequence[Effect], u: float, key: str | None) -> Effect:
    """A single effect in place of several effects of a group."""
    first = effects[0]
    words = effect_kinds.label(first.kind) if first.component else first.name
    place = f"{first.component}: " if first.component else ""
    return msgspec.structs.replace(
        first,
        name=f"{place}{words} ({len(effects)} together)",
        u=u,
        distribution="bound" if first.distribution == "bound" else "normal",
        dof=None,
        key=key,
        device="",
    )
