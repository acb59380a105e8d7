"""A simulated node: its parts with their true power, and the files by which programs see it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.simulators.accelerator_trees import nvidia_driver_tree
from tests.simulators.slurm.truth import Wave, boot_s, constant, square
from tests.simulators.trees import RANGE_UJ, powercap_tree

MODEL = "NVIDIA A100-SXM4-40GB (simulated)"
CPUS, SOCKETS, MEMORY_MIB = 16, 1, 64_000
_ZONES = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "dram"}
# Counters at the start of a test stand somewhere, and not at zero.
_START_UJ = {"package-0": 1_234_567_890, "dram": 98_765_432}


class Node(NamedTuple):
    """
    number     distinguishes the identity of this node from that of every other node
    period_s   how often the RAPL counters are updated
    boards     waves of the GPUs
    """

    name: str
    number: int
    package: Wave
    dram: Wave = constant(8)
    boards: Sequence[Wave] = ()
    period_s: float = 0.001

    @property
    def waves(self) -> dict[str, Wave]:
        """Power of every part: package-0, dram, gpu0, gpu1, …"""
        boards = {f"gpu{i}": wave for i, wave in enumerate(self.boards)}
        return {"package-0": self.package, "dram": self.dram, **boards}

    def truth_j(
        self, start_wall_s: float, end_wall_s: float, parts: Sequence[str] | None = None
    ) -> float:
        """True energy of the node, or of some of its parts, between two times of the wall clock."""
        start_s, end_s = boot_s(start_wall_s), boot_s(end_wall_s)
        return sum(
            wave.energy_j(end_s) - wave.energy_j(start_s)
            for part, wave in self.waves.items()
            if parts is None or part in parts
        )

    @property
    def mean_w(self) -> float:
        """Mean power of the whole node over complete periods."""
        return sum(wave.mean_w for wave in self.waves.values())

    def board_uuid(self, board: int) -> str:
        return f"GPU-{self.number:04x}{board:04x}-0000-0000-0000-{self.number:06x}{board:06x}"

    def identity(self, kind: str) -> uuid.UUID:
        """A UUID that no other node has: the firmware's, the installation's or the boot's."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}.{self.name}-{self.number}.example")

    def sensor_lines(self) -> list[str]:
        """Lines for live_sensors.c."""
        wrap_uj = RANGE_UJ + max(1, round(RANGE_UJ / (2**32 - 1)))  # as powercap counts
        lines = [
            f"{self.name}/{part} 400 uj {self.period_s} {wrap_uj} {start_uj} "
            f"{self.waves[part].text}"
            for part, start_uj in _START_UJ.items()
        ]
        waves = f"{self.package.text} {self.dram.text}"
        return [*lines, f"{self.name}/msr 600 msr {self.period_s} {waves}"]

    def write(self, folder: Path) -> None:
        """Write the files of the node: `here` is seen as HERE by the programs on the node, `root`
        holds files that take the place of those of the machine, and `live` says which of them are
        computed at each read.
        """
        root, here = folder / "root", folder / "here"
        zones = {zone: (part, 0) for zone, part in _ZONES.items()}
        files = powercap_tree(root, zones)
        live = {file: _ZONES[zone] for zone, file in files.items()}
        for cpu in range(SOCKETS):  # Slurm reads the first CPU of each socket
            register = root / "dev/cpu" / str(cpu) / "msr"
            _write(register, "")
            live[register] = "msr"
        lines = (f"/{file.relative_to(root)}\t{sensor}\n" for file, sensor in live.items())
        _write(folder / "live", "".join(lines))
        _write(root / "sys/class/dmi/id/product_uuid", f"{self.identity('firmware')}\n")
        _write(root / "etc/machine-id", f"{self.identity('installation').hex}\n")
        # of this cluster's node: two clusters side by side are different machines
        boot = self.identity(f"boot {folder}")
        _write(root / "proc/sys/kernel/random/boot_id", f"{boot}\n")
        (root / "proc/driver").mkdir()
        (here / "lib").mkdir(parents=True)
        (here / "tmp").mkdir()
        if self.boards:
            addresses = {
                f"0000:{0x10 + 0x10 * i:02x}:00.0": (MODEL, self.board_uuid(i))
                for i in range(len(self.boards))
            }
            nvidia_driver_tree(root, addresses)
        _write(here / "nvmlsim.conf", self._nvml(here))

    def _nvml(self, here: Path) -> str:
        """The node's lines for nvmlsim.c."""
        lines = [f"count={len(self.boards)}", f"seed={self.number}", "phase_ms=random"]
        for i, wave in enumerate(self.boards):
            lines += [f"gpu{i}.wave={wave.text}", f"gpu{i}.uuid={self.board_uuid(i)}"]
            lines += [f"gpu{i}.serial=156{self.number:04d}{i:06d}"]
            lines += [f"gpu{i}.limit_file={limit_file(here, i)}"]
        return "".join(f"{line}\n" for line in lines)


def limit_file(here: Path, board: int) -> Path:
    """The power limit that nvidia_smi.sh has set on a board; no file before that."""
    return here / f"limit{board}"


def standard_nodes() -> tuple[Node, ...]:
    """Two nodes without and two with boards. No two parts of a kind draw the same power."""
    return (
        Node("cpu1", 1, constant(60)),
        Node("cpu2", 2, square(60, 100, 0.7)),
        Node("gpu1", 3, constant(90), boards=[_board(w) for w in (100, 150, 200, 250)]),
        Node(
            "gpu2",
            4,
            square(80, 140, 1.3),
            boards=[square(80, 160, 1.7), *(_board(w) for w in (170, 220, 270))],
        ),
    )


def _board(power_w: float) -> Wave:
    """Almost constant: a reading that never changes is that of a stuck sensor."""
    return square(power_w - 2, power_w + 2, 0.31)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
