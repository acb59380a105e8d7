"""Which sensors make up a boundary, and which parts have none.

compute = every package + all memory + every accelerator present, used or idle. A part without a
sensor is modelled with a stated range or missing with one; it is never 0. What contains another
part (a module, the node, psys) is never added to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import UNUSED, Boundary, BoundaryName, Channel, Host, Part, PartState

# Where several collectors offer one part, the first is taken: the kernel's counters before a
# vendor's view of them, a model last.
PREFERENCE = ("rapl", "perf_rapl", "nvml", "pm_counters")
CPU, MEMORY, GPU, MODULE, NODE, NODE_AC = (
    "cpu.package",
    "cpu.dram",
    "gpu.board",
    "module",
    "node",
    "node.ac",
)
_GB = 1e9
_POWER_RANK = ("power_instant", "power_usage", "power", "power_average")


class Source(NamedTuple):
    """A part with a sensor: the channel that counts, and the power channel it is checked against."""

    part: Part
    channel: Channel
    check: Channel | None


class Model(NamedTuple):
    """A part without one.

    `modelled`: the middle of its range is in the energy; else it is missing and only widens the
    interval.
    """

    part: Part
    key: str
    source: str


class Cover(NamedTuple):
    """What a boundary's energy is made of on this host."""

    name: BoundaryName
    sources: tuple[Source, ...]
    models: tuple[Model, ...]

    @property
    def boundary(self) -> Boundary:
        parts = [source.part for source in self.sources] + [model.part for model in self.models]
        return Boundary(name=self.name, parts=tuple(parts))


Ranges = Mapping[str, tuple[float, float, str]]


def cover(
    name: BoundaryName,
    channels: Sequence[Channel],
    host: Host,
    ranges: Ranges,
    mirrors: Iterable[str] = (),
) -> Cover:
    """Choose the channels of a boundary. `ranges` as in data/priors.toml [parts]; `mirrors`: ids of
    channels that repeat another.

    Raises BadInput where a node meter is asked for and there is none.
    """
    excluded = set(mirrors)
    usable = [channel for channel in channels if channel.counts and channel.id not in excluded]
    if name in ("node-dc", "node-ac"):
        return _node(name, usable, channels)
    modules = _pick(usable, MODULE)
    inside = {component for source in modules for component in source.contains}
    boards = [] if GPU in inside else _pick(usable, GPU)
    sources = [_source(channel, channels) for channel in (*modules, *boards)]
    models = _missing_gpus(host, (*modules, *boards), ranges)
    if name == "compute":
        packages = [] if CPU in inside else _pick(usable, CPU)
        memory = [] if MEMORY in inside else _pick(usable, MEMORY)
        sources = [_source(channel, channels) for channel in (*packages, *memory)] + sources
        models = (
            ([] if CPU in inside else _missing_packages(host, packages, ranges))
            + ([] if MEMORY in inside else _memory(host, packages, memory, ranges))
            + models
        )
    return Cover(name, tuple(sources), tuple(models))


def _node(name: BoundaryName, usable: Sequence[Channel], channels: Sequence[Channel]) -> Cover:
    wanted, other = (NODE_AC, NODE) if name == "node-ac" else (NODE, NODE_AC)
    picked = _pick(usable, wanted)
    if not picked:
        there = "node-dc" if other == NODE else "node-ac"
        instead = there if _pick(usable, other) else "compute"
        raise BadInput(
            "--boundary",
            f"{name}: no node meter of that kind works here",
            f"see `energybench doctor`, or use --boundary {instead}",
        )
    return Cover(name, tuple(_source(channel, channels) for channel in picked), ())


def _pick(usable: Sequence[Channel], component: str) -> list[Channel]:
    """The channels of one component from the preferred collector; one a device, a counter before a
    power reading.
    """
    found = [channel for channel in usable if channel.component == component]
    if not found:
        return []

    def rank(channel: Channel) -> tuple[bool, int, str]:
        known = (
            PREFERENCE.index(channel.collector)
            if channel.collector in PREFERENCE
            else len(PREFERENCE)
        )
        return channel.quality == "estimated", known, channel.collector

    best = min(rank(channel) for channel in found)
    devices: dict[str, Channel] = {}
    for channel in sorted((channel for channel in found if rank(channel) == best), key=_kind_rank):
        devices.setdefault(channel.device, channel)
    return [devices[device] for device in sorted(devices)]


def _kind_rank(channel: Channel) -> tuple[bool, int]:
    quantity = channel.quantity or channel.kind
    return channel.kind != "counter", _POWER_RANK.index(
        quantity
    ) if quantity in _POWER_RANK else len(_POWER_RANK)


def _source(channel: Channel, channels: Sequence[Channel]) -> Source:
    same = [
        other
        for other in channels
        if other.kind == "power"
        and (other.collector, other.device, other.component)
        == (channel.collector, channel.device, channel.component)
    ]
    check = min(same, key=_kind_rank) if same and channel.kind == "counter" else None
    state: PartState = "modelled" if channel.quality == "estimated" else "measured"
    return Source(
        Part(component=channel.component, device=channel.device, state=state, used=channel.used),
        channel,
        check,
    )


def _missing_packages(host: Host, packages: Sequence[Channel], ranges: Ranges) -> list[Model]:
    """Sockets that no package counter covers (dies count for their package)."""
    covered = {device.split("-die-")[0] for device in (channel.device for channel in packages)}
    if any(
        channel.quality == "estimated" or channel.collector not in ("rapl", "perf_rapl")
        for channel in packages
    ):
        return []
    sockets = host.sockets or 1
    low, high, source = ranges["package_w"]
    wanted = [f"package-{i}" for i in range(sockets)]
    absent = (
        [device for device in wanted if device not in covered] if len(covered) < sockets else []
    )
    return [
        Model(
            Part(component=CPU, device=device, state="missing", low_w=low, high_w=high),
            f"{CPU}:{device}@{host.name}",
            source,
        )
        for device in absent
    ]


def _memory(
    host: Host, packages: Sequence[Channel], memory: Sequence[Channel], ranges: Ranges
) -> list[Model]:
    """Memory without a counter: modelled per GB installed, missing with the same range per GB of 1
    TB where the size is not known.
    """
    low, high, source = ranges["memory_w_per_gb"]
    sockets = {
        channel.device.split("-die-")[0] for channel in packages if channel.collector == "rapl"
    }
    share = 1.0
    if memory:
        bare = (
            sockets - {channel.device for channel in memory}
            if memory[0].collector == "rapl"
            else set()
        )
        if not bare:
            return []
        share = len(bare) / max(len(sockets), 1)
    key = f"memory:{host.name}"
    if host.memory_bytes is None:
        return [
            Model(
                Part(
                    component=MEMORY,
                    device=host.name,
                    state="missing",
                    low_w=0.0,
                    high_w=high * 1000 * share,
                ),
                key,
                source,
            )
        ]
    gigabytes = host.memory_bytes / _GB * share
    return [
        Model(
            Part(
                component=MEMORY,
                device=host.name,
                state="modelled",
                low_w=low * gigabytes,
                high_w=high * gigabytes,
            ),
            key,
            source,
        )
    ]


def _missing_gpus(host: Host, covered: Sequence[Channel], ranges: Ranges) -> list[Model]:
    """Accelerators of the node that no channel reads.

    Where another collector counts them all, none is missing.
    """
    devices = {channel.device for channel in covered}
    if covered and not devices & {gpu.uuid for gpu in host.gpus} and len(devices) >= len(host.gpus):
        return []
    low, high, source = ranges["gpu_w"]
    return [
        Model(
            Part(
                component=GPU,
                device=gpu.uuid,
                state="missing",
                low_w=low,
                high_w=gpu.power_limit_max_w or gpu.power_limit_w or high,
                used=gpu.used,
            ),
            f"{GPU}:{gpu.uuid}",
            source,
        )
        for gpu in host.gpus
        if gpu.uuid not in devices
    ]


def component_name(part: Part) -> str:
    """The name a part's energy is reported under: idle accelerators stand apart."""
    return part.component + ("" if part.used else UNUSED)
