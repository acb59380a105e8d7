"""The sensors and models behind the energy of a boundary.

compute = all CPU packages + all memory + all accelerators of the node, used or idle. A part without
a sensor is modelled within a stated range, or missing with a range; it is never 0. A sensor that
contains other parts (a module, the node, psys) is never added to those parts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import Boundary, BoundaryName, Channel, Gpu, Host, Part, PartState

CPU, MEMORY, GPU, MODULE, NODE, NODE_AC = (
    "cpu.package",
    "cpu.dram",
    "gpu.board",
    "module",
    "node",
    "node.ac",
)
_GB = 1e9
_SOCKET = re.compile(r"package-\d+")
_UNKNOWN_MEMORY_GB = 1000  # upper limit for memory of unknown size
# Power readings of a device, the preferred reading first.
_POWER_RANK = ("power_instant", "power_usage", "power", "power_average")

Ranges = Mapping[str, tuple[float, float, str]]  # low, high, source by name


class Source(NamedTuple):
    """A part with a sensor: the counting channel, and the power channel that checks it.

    may_repeat  True if the channel may show the register of an earlier channel of its socket
    """

    part: Part
    channel: Channel
    check: Channel | None
    may_repeat: bool = False


class Model(NamedTuple):
    """A part without a sensor.

    The energy contains the middle of the range of a modelled part. A missing part only widens the
    interval.
    """

    part: Part
    key: str
    source: str


class Cover(NamedTuple):
    """All parts of a boundary on a host: parts with a sensor, and parts without.

    inside  of a node boundary, the channels of the parts inside the node, each part once
    """

    name: BoundaryName
    sources: tuple[Source, ...]
    models: tuple[Model, ...]
    inside: tuple[Channel, ...] = ()

    @property
    def boundary(self) -> Boundary:
        parts = [source.part for source in self.sources] + [model.part for model in self.models]
        return Boundary(name=self.name, parts=tuple(parts))


def cover(
    name: BoundaryName,
    channels: Sequence[Channel],
    host: Host,
    ranges: Ranges,
    mirrors: Iterable[str] = (),
    unclear: Collection[str] = (),
) -> Cover:
    """Choose the channels of a boundary.

    ranges   ranges of parts without a sensor, as in data/priors.toml [parts]
    mirrors  ids of channels that repeat another channel
    unclear  ids of channels that may repeat another channel
    Raises BadInput if a node boundary is asked for and no node meter works.
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
        cpu_sources, cpu_models = _processors(usable, channels, host, ranges, inside)
        cpu_sources = [
            source._replace(may_repeat=source.channel.id in unclear) for source in cpu_sources
        ]
        sources, models = cpu_sources + sources, cpu_models + models
    return Cover(name, tuple(sources), tuple(models))


def _node(name: BoundaryName, usable: Sequence[Channel], channels: Sequence[Channel]) -> Cover:
    wanted, other = (NODE_AC, NODE) if name == "node-ac" else (NODE, NODE_AC)
    meters = _pick(usable, wanted)
    if not meters:
        instead = "compute"
        if _pick(usable, other):
            instead = "node-dc" if other == NODE else "node-ac"
        raise BadInput(
            "--boundary",
            f"{name}: no node meter of that kind works here",
            f"see `energybench doctor`, or use --boundary {instead}",
        )
    modules = _pick(usable, MODULE)
    contained = {component for module in modules for component in module.contains}
    others = [
        channel
        for component in (CPU, MEMORY, GPU)
        if component not in contained
        for channel in _pick(usable, component)
    ]
    sources = tuple(_source(channel, channels) for channel in meters)
    return Cover(name, sources, (), tuple(modules) + tuple(others))


def _processors(
    usable: Sequence[Channel],
    channels: Sequence[Channel],
    host: Host,
    ranges: Ranges,
    inside: set[str],
) -> tuple[list[Source], list[Model]]:
    """CPU packages and memory.

    inside  components that a module's sensor contains
    """
    packages = [] if CPU in inside else _pick(usable, CPU)
    memory = [] if MEMORY in inside else _pick(usable, MEMORY)
    models: list[Model] = []
    if CPU not in inside:
        models += _missing_packages(host, packages, memory, ranges)
    if MEMORY not in inside:
        models += _modelled_memory(host, packages, memory, ranges)
    return [_source(channel, channels) for channel in (*packages, *memory)], models


# ---------------------------------------------------------------- parts with a sensor


def _pick(usable: Sequence[Channel], component: str) -> list[Channel]:
    """The channels of a component from the preferred collector: a channel for each device, a
    counter before a power reading.
    """
    candidates = [channel for channel in usable if channel.component == component]
    if not candidates:
        return []
    best = min(_preference(channel) for channel in candidates)
    preferred = [channel for channel in candidates if _preference(channel) == best]
    devices: dict[str, Channel] = {}
    for channel in sorted(preferred, key=_kind_rank):
        devices.setdefault(channel.device, channel)
    return [devices[device] for device in sorted(devices)]


def _preference(channel: Channel) -> tuple[bool, int, str]:
    """Lowest first: a sensor before a model, then by rank."""
    return channel.quality == "estimated", channel.rank, channel.collector


def _kind_rank(channel: Channel) -> tuple[bool, int]:
    """Lowest first: a counter, then the preferred power reading."""
    quantity = channel.quantity or channel.kind
    rank = _POWER_RANK.index(quantity) if quantity in _POWER_RANK else len(_POWER_RANK)
    return channel.kind != "counter", rank


def _source(channel: Channel, channels: Sequence[Channel]) -> Source:
    """The channel of a part, and the power reading of the same device that checks a counter."""
    device = (channel.collector, channel.device, channel.component)
    readings = [
        other
        for other in channels
        if other.kind == "power" and (other.collector, other.device, other.component) == device
    ]
    check = None
    if readings and channel.kind == "counter":
        check = min(readings, key=_kind_rank)
    state: PartState = "modelled" if channel.quality == "estimated" else "measured"
    part = Part(component=channel.component, device=channel.device, state=state, used=channel.used)
    return Source(part, channel, check)


# ---------------------------------------------------------------- parts without a sensor


def _missing_packages(
    host: Host, packages: Sequence[Channel], memory: Sequence[Channel], ranges: Ranges
) -> list[Model]:
    """Sockets without a counter. The counter of a die covers its socket.

    Sockets that a collector names in its own way are counted, so that the number of missing sockets
    is at most the number of remaining sockets of the host. A socket with a memory counter is a
    socket of the host.
    """
    if _covers_all_sockets(packages):
        return []
    covered = _sockets(packages)
    with_counter = covered
    if not _covers_all_sockets(memory):
        with_counter = covered | {socket for socket in _sockets(memory) if _SOCKET.match(socket)}
    sockets = max(host.sockets or 1, len(with_counter))
    if len(covered) >= sockets:
        return []
    low, high, source = ranges["package_w"]
    numbers = host.socket_ids or range(sockets)
    named = dict.fromkeys([*sorted(with_counter), *(f"package-{i}" for i in numbers)])
    absent = [name for name in named if name not in covered]
    return [
        Model(
            Part(component=CPU, device=device, state="missing", low_w=low, high_w=high),
            f"{CPU}:{device}@{host.identity}",
            source,
        )
        for device in absent[: sockets - len(covered)]
    ]


def _covers_all_sockets(counters: Sequence[Channel]) -> bool:
    """Whether a single sensor or model without the name of a socket stands for all sockets
    together.
    """
    return len(counters) == 1 and not counters[0].socket


def _sockets(counters: Sequence[Channel]) -> set[str]:
    """The sockets of counters of packages or memory. Counters without the name of a socket are
    counted by their devices, a socket for each device.
    """
    return {_socket(channel) if channel.socket else channel.device for channel in counters}


def _modelled_memory(
    host: Host, packages: Sequence[Channel], memory: Sequence[Channel], ranges: Ranges
) -> list[Model]:
    """Memory without a counter: modelled for the installed GB.

    If the size of the memory is not known, the memory is missing, with the range of 1 TB.
    """
    share = _share_without_counter(host, packages, memory)
    if share == 0.0:
        return []
    low, high, source = ranges["memory_w_per_gb"]
    if host.memory_bytes is None:
        part = Part(
            component=MEMORY,
            device=host.name,
            state="missing",
            low_w=0.0,
            high_w=high * _UNKNOWN_MEMORY_GB * share,
        )
    else:
        gigabytes = host.memory_bytes / _GB * share
        part = Part(
            component=MEMORY,
            device=host.name,
            state="modelled",
            low_w=low * gigabytes,
            high_w=high * gigabytes,
        )
    return [Model(part, f"memory:{host.identity}", source)]


def _share_without_counter(
    host: Host, packages: Sequence[Channel], memory: Sequence[Channel]
) -> float:
    """Share of the sockets whose memory has no counter; 1 without any counter.

    Of a socket with a package counter and a memory counter for some of its dies, the dies without
    a memory counter are a part.
    """
    if not memory:
        return 1.0
    if _covers_all_sockets(memory):
        return 0.0
    if any(not channel.socket for channel in memory):
        number = max(host.sockets or 1, len(_sockets(packages)))
        return max(0.0, 1 - len(_sockets(memory)) / number)
    sockets = {_socket(channel) for channel in (*packages, *memory) if channel.socket}
    number = max(host.sockets or 1, len(sockets))
    bare = float(number - len(sockets))
    for socket in sockets:
        dies = {channel.device for channel in packages if _socket(channel) == socket}
        counters = {channel.device for channel in memory if _socket(channel) == socket}
        if not counters:
            bare += 1
        elif counters < dies:
            bare += len(dies - counters) / len(dies)
    return bare / number


def _socket(channel: Channel) -> str:
    """The socket of a counter, without the die or the zone left in the name by a collector."""
    match = _SOCKET.match(channel.socket)
    return match[0] if match else channel.socket


def _missing_gpus(host: Host, covered: Sequence[Channel], ranges: Ranges) -> list[Model]:
    """Accelerators of the node without a channel.

    Boards that a collector names in its own way are counted, so that the number of missing boards
    is at most the number of remaining boards of the host.
    """
    if any(channel.component == GPU and GPU in channel.contains for channel in covered):
        return []  # a sensor of all boards together
    devices = {channel.device for channel in covered}
    absent = [gpu for gpu in host.gpus if gpu.uuid not in devices]
    own_names = devices - {gpu.uuid for gpu in host.gpus}
    return [_missing_gpu(gpu, ranges) for gpu in absent[len(own_names) :]]


def _missing_gpu(gpu: Gpu, ranges: Ranges) -> Model:
    low, high, source = ranges["uncounted_gpus_w" if gpu.uncounted else "gpu_w"]
    part = Part(
        component=GPU,
        device=gpu.uuid,
        state="missing",
        low_w=low,
        high_w=gpu.power_limit_max_w or gpu.power_limit_w or high,
        used=gpu.used,
    )
    return Model(part, f"{GPU}:{gpu.uuid}", source)
