"""Properties shared by many nodes of a job, stated once: kinds of hosts, parts, channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from energybench.model import ChannelStats, Gpu, Host, Part

if TYPE_CHECKING:
    from energybench.analysis.measurement.node_table import NodePart


class Hosts(NamedTuple):
    """kinds: of nodes; number: index of each node's kind."""

    kinds: tuple[Host, ...]
    number: dict[str, int]


def hosts(read: Sequence[NodePart]) -> Hosts:
    """Equal nodes as a single entry, without names, identities and serial numbers."""
    kinds: list[Host] = []
    number: dict[str, int] = {}
    for part in read:
        if part.measurement is None:
            continue
        kind = _kind(part.measurement.host)
        if kind not in kinds:
            kinds.append(kind)
        number[part.node] = kinds.index(kind)
    return Hosts(tuple(kinds), number)


def _kind(host: Host) -> Host:
    return msgspec.structs.replace(
        host,
        name="",
        ids=(),
        memory_bytes=_rounded(host.memory_bytes),
        gpus=tuple(_gpu_kind(gpu) for gpu in host.gpus),
        started_utc=None,
        started_s=None,
    )


def _rounded(memory_bytes: int | None) -> int | None:
    """Whole GiB: equal nodes differ by some pages kept by the firmware."""
    return None if memory_bytes is None else round(memory_bytes / 2**30) * 2**30


def _gpu_kind(gpu: Gpu) -> Gpu:
    return msgspec.structs.replace(
        gpu,
        uuid="",
        serial=None,
        pci_bus_id=None,
        sm_clock_mhz=None,
        memory_clock_mhz=None,
        temperature_c=None,
        throttle_reasons=None,
    )


def parts(read: Sequence[NodePart]) -> tuple[Part, ...]:
    """The parts of the boundary on all nodes. Equal parts form a single part, with their number and
    the sum of their ranges.
    """
    sums: dict[tuple[str, str, bool | None], Part] = {}
    for node in read:
        for part in node.measurement.boundary.parts if node.measurement is not None else ():
            place = (part.component, part.state, part.used)
            earlier = sums.get(place)
            sums[place] = msgspec.structs.replace(
                part,
                device="",
                count=part.count + (earlier.count if earlier else 0),
                low_w=_sum(earlier.low_w if earlier else None, part.low_w),
                high_w=_sum(earlier.high_w if earlier else None, part.high_w),
            )
    return tuple(sums.values())


def _sum(first: float | None, second: float | None) -> float | None:
    known = [number for number in (first, second) if number is not None]
    return sum(known) if known else None


def channels(read: Sequence[NodePart]) -> tuple[ChannelStats, ...]:
    """The channels of all nodes. Channels with the same collector, component and quantity form a
    single channel, with the sums of samples and the worst timings.
    """
    sums: dict[tuple[str, ...], ChannelStats] = {}
    for node in read:
        for stats in node.measurement.channels if node.measurement is not None else ():
            place = (stats.collector, stats.component, stats.kind, stats.quantity)
            earlier = sums.get(place)
            if earlier is None:
                sums[place] = msgspec.structs.replace(stats, device="")
                continue
            sums[place] = msgspec.structs.replace(
                earlier,
                samples=earlier.samples + stats.samples,
                missed=earlier.missed + stats.missed,
                failed=earlier.failed + stats.failed,
                period_s=_worst(earlier.period_s, stats.period_s),
                jitter_s=_worst(earlier.jitter_s, stats.jitter_s),
            )
    return tuple(sums.values())


def _worst(first: float | None, second: float | None) -> float | None:
    known = [number for number in (first, second) if number is not None]
    return max(known) if known else None
