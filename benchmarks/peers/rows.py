"""The rows: a sensor, a load, a window; and the truth behind them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

BOARDS, PACKAGES = 16, 6
RANGE_UJ = 262_143_328_850  # max_energy_range_uj of most Intel servers
_SPREAD = (
    0.04  # boards' waves differ by ±2 % in period: hours after boot each has a phase of its own
)

A100 = "energy_ms=100\nperiod_ms=100\nwindow_ms=25\nphase_ms=random\ncc=8.0\n"
V100 = (
    "name=Tesla V100-SXM2-16GB "
    "(simulated)\nenergy_ms=20\nperiod_ms=20\nwindow_ms=10\nphase_ms=random\ncc=7.0\nlimit=600\n"
)


class Row(NamedTuple):
    """low_w, high_w, period_s: a square wave of duty 1/2 (period 0: constant low_w). event: what
    happens to the counters meanwhile.
    """

    name: str
    title: str
    seconds: float
    conf: str = ""
    low_w: float = 100.0
    high_w: float = 500.0
    period_s: float = 1.3
    sensor: Literal["gpu", "rapl"] = "gpu"
    event: Literal["", "wrap", "outage"] = ""
    windows: int = 2  # windows of every process
    runs: int = 1  # runs with other phases, as well

    @property
    def power_only(self) -> bool:
        return "unsupported=83" in self.conf

    @property
    def true_counter(self) -> bool:
        """Whether the sensor integrates all power: then a tool can know the energy."""
        return not self.power_only and "energy_from=samples" not in self.conf


def board(period_ms: int) -> str:
    """A counter with this period, beside a power sensor that sees a quarter of it."""
    return (
        f"energy_ms={period_ms}\nperiod_ms={period_ms}\nwindow_ms={period_ms / 4:g}\n"
        "phase_ms=random\ncc=8.0\n"
    )


def _counter_rows(period_ms: int) -> tuple[Row, ...]:
    conf, prefix = board(period_ms), "a100" if period_ms == 100 else f"c{period_ms}"
    sensor = f"counter every {period_ms} ms"
    return (
        Row(f"{prefix}-10s", f"{sensor}, 1.3 s square wave, 10 s", 10.0, conf),
        Row(f"{prefix}-1s", f"{sensor}, 1.3 s square wave, 1 s", 1.0, conf, windows=4),
        Row(
            f"{prefix}-const",
            f"{sensor}, constant 300 W, 5 s",
            5.0,
            conf,
            low_w=300.0,
            period_s=0.0,
        ),
    )


ROWS: tuple[Row, ...] = (
    *_counter_rows(83),
    *_counter_rows(100),
    *_counter_rows(250),
    Row("a100-0.35s", "counter every 100 ms, 1.3 s square wave, 0.35 s", 0.35, A100, windows=4),
    Row("a100-steps", "counter every 100 ms, 8 s steps, 20 s", 20.0, A100, period_s=8.0),
    Row("v100-1s", "V100 counter (20 ms), 1.3 s square wave, 1 s", 1.0, V100, windows=4),
    Row(
        "power-10s",
        "power readings alone (100 ms, 25 ms of each seen), 10 s",
        10.0,
        A100 + "unsupported=83\n",
        windows=4,
    ),
    Row("power-1s", "the same, 1 s", 1.0, A100 + "unsupported=83\n", windows=8),
    Row(
        "samples-10s",
        "counter that adds up its samples (100 ms), 10 s",
        10.0,
        A100 + "energy_from=samples\n",
        windows=4,
    ),
    Row(
        "rapl-wrap",
        "RAPL across a wrap, 10 s",
        10.0,
        sensor="rapl",
        event="wrap",
        windows=1,
        runs=2,
    ),
    Row(
        "rapl-outage",
        "RAPL unreadable for 1.2 s, 10 s",
        10.0,
        sensor="rapl",
        event="outage",
        windows=1,
        runs=2,
    ),
)


class Wave(NamedTuple):
    """Power of one board on CLOCK_BOOTTIME, which the simulated library runs on."""

    low_w: float
    high_w: float
    period_s: float

    @property
    def line(self) -> str:
        return (
            f"square,{self.low_w:g},{self.high_w:g},{self.period_s:.9f},0.5"
            if self.period_s
            else f"const,{self.low_w:g}"
        )

    def joules(self, start_s: float, end_s: float, offset_s: float) -> float:
        """Energy between two times on CLOCK_MONOTONIC, which is `offset_s` behind."""
        return self._since_boot(end_s + offset_s) - self._since_boot(start_s + offset_s)

    def _since_boot(self, t: float) -> float:
        if not self.period_s:
            return self.low_w * t
        half = self.period_s / 2
        periods, rest = divmod(t, self.period_s)
        return periods * half * (self.low_w + self.high_w) + (
            rest * self.high_w if rest < half else half * self.high_w + (rest - half) * self.low_w
        )


def boot_offset_s() -> float:
    """How far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC (time spent suspended)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


def waves(row: Row, seed: int) -> list[Wave]:
    rng = random.Random(seed)
    return [
        Wave(
            row.low_w, row.high_w, round(row.period_s * (1 + rng.uniform(-_SPREAD, _SPREAD) / 2), 9)
        )
        for _ in range(BOARDS)
    ]


def configuration(row: Row, boards: Sequence[Wave]) -> str:
    """Lines for the simulated library."""
    return f"count={len(boards)}\n{row.conf}" + "".join(
        f"gpu{i}.wave={wave.line}\n" for i, wave in enumerate(boards)
    )


class Package(NamedTuple):
    """A package's constant power, and where its counter starts."""

    watts: float
    start_uj: int


def package_zones(row: Row, seed: int, until_window_s: float) -> list[Package]:
    """Packages of differing power; in the wrap row each counter wraps at its own random moment
    inside the window that begins so much later.
    """
    rng = random.Random(seed)
    rows = []
    for _ in range(PACKAGES):
        watts = rng.uniform(120, 240)
        wraps_in_s = until_window_s + rng.uniform(0.05, 0.95) * row.seconds
        start = (
            RANGE_UJ - int(watts * 1e6 * wraps_in_s)
            if row.event == "wrap"
            else rng.randrange(RANGE_UJ // 2)
        )
        rows.append(Package(watts, start))
    return rows
