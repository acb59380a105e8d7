"""RAPL energy counters of CPU packages and memory through powercap, Intel and AMD.

Every package and every dram zone adds up, and every die with a register of its own
(register_scope.py). The zones core and uncore lie inside the package and are not opened. The zone
psys contains package and dram; psys is recorded and not summed. `intel-rapl-mmio` and
`intel-rapl-tpmi` mirror the MSR zones. Source: Linux Documentation/power/powercap/powercap.rst and
drivers/powercap/intel_rapl_common.c.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from energybench.collectors import ranks
from energybench.collectors.host_identity import host_identity
from energybench.collectors.ranks import socket_of
from energybench.collectors.rapl_faults import (
    Fault,
    hidden,
    nameless_zones,
    no_package,
    no_zone,
    unreadable,
)
from energybench.collectors.rapl_zones import Part, Zone, zones
from energybench.collectors.register_scope import of_die, register_scope
from energybench.collectors.sysfs import NumberFile, text
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Context

# Intel SDM vol. 3B 16.10.3 "updated every ~1 msec"; AMD alike: Linux Documentation/hwmon/amd_energy
UPDATE_PERIOD_S = 0.001
# twice the largest TDP sold (500 W); 4x the zone's long-term limit if higher
LEAST_MAX_POWER_W = 1000.0
_PRIORS = {"cpu.package": "rapl.package", "cpu.dram": "rapl.dram", "platform": "rapl.psys"}


def package_readable(root: Path) -> bool:
    """Whether at least one package's counter can be read through powercap."""
    return any(zone.component == "cpu.package" and _is_readable(zone) for zone in zones(root))


def _is_readable(zone: Zone) -> bool:
    line = NumberFile(zone.path / "energy_uj")
    try:
        return line.integer() is not None
    finally:
        line.close()


class Rapl:
    """Counters of every package and memory zone."""

    name = "rapl"
    about = (
        "CPU packages, Intel and AMD, and memory with a counter (not on AMD), by RAPL counters in "
        "/sys/class/powercap."
    )

    def __init__(self) -> None:
        self._lines: list[NumberFile] = []
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._doubts = []
        energy_zones = zones(context.root)
        nameless = nameless_zones(context.root)
        if not energy_zones:
            raise no_zone(context.root, nameless)
        channels, refused = self._open_zones(context, energy_zones)
        if not any(channel.component == "cpu.package" for channel in channels):
            self.close()
            raise no_package(context.root, list(refused.values()))
        self._doubts = [unreadable(context.root, part, fault) for part, fault in refused.items()]
        self._doubts += [hidden(context.root, zone, why) for zone, why in nameless.items()]
        return channels

    def _open_zones(
        self, context: Context, energy_zones: Sequence[Zone]
    ) -> tuple[list[Channel], Mapping[Part, Fault]]:
        """Channels of the readable zones, and the faults of parts without any readable zone.

        A zone of another control type than the open zones of its part is a mirror and stays closed.
        """
        host, scope = host_identity(context.root), register_scope(context.root)
        channels: list[Channel] = []
        covered: set[Part] = set()  # components and sockets with an open counter
        control_types: dict[Part, str] = {}  # of the open parts
        faults: dict[Part, Fault] = {}
        for zone in energy_zones:
            part = zone.part
            if control_types.get(part, zone.control_type) != zone.control_type:
                continue
            line = NumberFile(zone.path / "energy_uj")
            if line.integer() is None:
                faults.setdefault(part, Fault(zone.path / "energy_uj", line.error))
                line.close()
                continue
            # a second zone with the same name, such as psys of the second socket
            device = f"{zone.device}@{zone.id}" if part in control_types else zone.device
            control_types[part] = zone.control_type
            self._lines.append(line)
            channel = _channel(context, zone, device, host)
            socket = channel.component, channel.socket
            channels.append(of_die(channel, scope, repeats=socket in covered))
            covered.add(socket)
        refused = {part: fault for part, fault in faults.items() if part not in control_types}
        if scope != "package":
            channels += self._closed_dies(context, energy_zones, refused, covered)
        return channels, refused

    def _closed_dies(
        self,
        context: Context,
        energy_zones: Iterable[Zone],
        refused: Mapping[Part, Fault],
        covered: Collection[Part],
    ) -> list[Channel]:
        """Channels of unreadable dies beside a readable die of their socket.

        The reads of these channels fail, so that the die is missing and not covered by the readable
        die.
        """
        channels = []
        for part in refused:
            component, device = part
            if component == "cpu.package" and (component, socket_of(device)) in covered:
                zone = next(zone for zone in energy_zones if zone.part == part)
                self._lines.append(NumberFile(zone.path / "energy_uj"))
                channels.append(_channel(context, zone, device, host_identity(context.root)))
        return channels

    def read(self) -> list[int | None]:
        return [line.integer() for line in self._lines]

    def close(self) -> None:
        for line in self._lines:
            line.close()
        self._lines = []

    def gpus(self) -> Sequence[Gpu]:
        return ()

    def doubts(self) -> Sequence[Doubt]:
        """Doubts about existing zones that are unreadable."""
        return tuple(self._doubts)


def _channel(context: Context, zone: Zone, device: str, host: str) -> Channel:
    return Channel(
        collector="rapl",
        rank=ranks.RAPL,
        device=device,
        socket=socket_of(device),
        component=zone.component,
        kind="counter",
        quantity="energy",
        resolution=1e-6,
        gain=context.gain(_PRIORS[zone.component], gain_key(zone.component, device, host)),
        update_period_s=UPDATE_PERIOD_S,
        wrap=_wrap(text(zone.path / "max_energy_range_uj")),
        max_power_w=_max_power_w(zone.path),
        counts=zone.component != "platform",
        contains=("cpu.package", "cpu.dram") if zone.component == "platform" else (),
    )


def gain_key(component: str, device: str, host: str) -> str:
    """Key of a RAPL gain: part, socket and host, the same through powercap and through perf."""
    return f"rapl:{device}:{component.rpartition('.')[2]}@{host}"


def _wrap(largest_uj: str | None) -> int | None:
    """Microjoules at which the counter starts again from zero.

    largest_uj  content of max_energy_range_uj
    The register counts 2^32 energy units, and max_energy_range_uj is the value of 2^32 - 1 units
    (get_max_energy_counter hands ENERGY_STATUS_MASK to rapl_unit_xlate): zero follows one unit
    above that value, and not one microjoule.
    """
    if largest_uj is None or not largest_uj.isdigit() or int(largest_uj) == 0:
        return None
    largest = int(largest_uj)
    return largest + max(1, round(largest / (2**32 - 1)))


def _max_power_w(zone: Path) -> float:
    """Power that no real reading of the zone exceeds, W."""
    limits = [text(path) for path in zone.glob("constraint_*_power_limit_uw")]
    return max(
        [
            LEAST_MAX_POWER_W,
            *(4 * int(limit) / 1e6 for limit in limits if limit and limit.isdigit()),
        ]
    )
