"""What weakens a measurement, each with its remedy. Thresholds cite their source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from energybench.analysis.energy.boundary import CPU, MEMORY, NODE, NODE_AC, UNUSED
from energybench.analysis.energy.boundary_parts import Row
from energybench.analysis.uncertainty.repeats import trend
from energybench.model import Channel, ChannelStats, Doubt, Verification, Window

# windows shorter than this many sensor periods lean on interpolation: SC24 asks for 5 s or 32
# repeats of short ones
_SHORT_PERIODS = 10
_TREND = 0.9  # |Spearman| of energy against the repeats' order; 0.9 at n = 8 has p < 0.3 %
_MISSED = 0.01  # of the scheduled samples
_LATE = 0.2  # jitter against the period


def of_repeats(
    windows: Sequence[Window], energies: Sequence[float], longest_period_s: float
) -> list[Doubt]:
    """Too few, too short, or with a trend."""
    found = []
    if len(windows) == 1:
        found.append(
            Doubt(
                code="single-repeat",
                message="one repeat: this is the energy of that window; its run-to-run part is not "
                "known",
                remedy="--repeats 8 or more",
            )
        )
    shortest = min((window.duration_s for window in windows), default=0.0)
    if windows and longest_period_s and shortest < _SHORT_PERIODS * longest_period_s:
        found.append(
            Doubt(
                code="short-window",
                message=f"the shortest repeat lasts {shortest:.3g} s, under {_SHORT_PERIODS} updates "
                f"of the slowest sensor ({longest_period_s:.3g} s)",
                remedy="a larger size, or more work in one repeat",
            )
        )
    rho = trend(energies)
    if rho is not None and abs(rho) >= _TREND and max(energies) > 1.01 * min(energies):
        word = "rises" if rho > 0 else "falls"
        found.append(
            Doubt(
                code="trend",
                message=f"energy {word} from repeat to repeat (rank correlation {rho:+.2f}): not a "
                "steady state",
                remedy="longer warm-up; see clocks and temperature",
            )
        )
    return found


def of_parts(rows: Sequence[Row]) -> list[Doubt]:
    """Missing and modelled parts, idle accelerators."""
    found = []
    for row in rows:
        part = row.part
        place = f"{part.component} {part.device}".strip()
        if part.state == "missing":
            found.append(
                Doubt(
                    code="part-missing",
                    message=f"{place} has no working sensor: up to {part.high_w:.0f} W more, in the "
                    "interval only",
                    remedy="see `energybench doctor` for what would make it measurable",
                )
            )
        elif part.state == "modelled" and part.component == MEMORY:
            found.append(
                Doubt(
                    code="memory-modelled",
                    message="memory has no energy counter here: modelled at "
                    f"{part.low_w:.0f}-{part.high_w:.0f} W for what is installed",
                    remedy="a node meter, or a CPU with a DRAM counter",
                )
            )
    idle = sorted(row.part.device for row in rows if row.component.endswith(UNUSED))
    if idle:
        found.append(
            Doubt(
                code="idle-accelerators",
                message=f"{len(idle)} accelerator(s) of this node had no part in the work; their "
                f"energy is included ({', '.join(idle)})",
                remedy="take a CPU-only baseline on a CPU-only node",
            )
        )
    return found


def of_channels(stats: Sequence[ChannelStats], dropped: int) -> list[Doubt]:
    """Reads that failed, came late or not at all."""
    found = []
    failed = sum(channel.failed for channel in stats)
    if failed:
        worst = max(stats, key=lambda channel: channel.failed)
        found.append(
            Doubt(
                code="failed-reads",
                message=f"{failed} sensor read(s) failed, {worst.failed} of them {worst.collector} "
                f"{worst.component} {worst.device}; they were passed over",
                remedy="see `energybench doctor`",
            )
        )
    if dropped:
        found.append(
            Doubt(
                code="implausible-reads",
                message=f"{dropped} reading(s) that no real power explains were dropped",
                remedy="see the raw samples; update the driver or firmware",
            )
        )
    samples = sum(channel.samples for channel in stats)
    missed = max((channel.missed for channel in stats), default=0)
    if samples and missed > _MISSED * max(channel.samples for channel in stats):
        found.append(
            Doubt(
                code="missed-samples",
                message=f"{missed} scheduled samples were missed: the machine was too busy to sample",
                remedy="leave a core to the sampler",
            )
        )
    late = max(
        (
            channel.jitter_s / channel.period_s
            for channel in stats
            if channel.jitter_s and channel.period_s
        ),
        default=0.0,
    )
    if late > _LATE:
        found.append(
            Doubt(
                code="jitter",
                message=f"samples came with a jitter of {late:.0%} of their period",
                remedy="leave a core to the sampler",
            )
        )
    return found


def cpu_modelled(rows: Sequence[Row]) -> bool:
    return any(row.part.component == CPU and row.part.state == "modelled" for row in rows)


def of_unused_meters(
    boundary: str, quality: str | None, channels: Sequence[Channel]
) -> list[Doubt]:
    """A node meter that works, beside a boundary that had to be modelled without it."""
    meters = {NODE: "node-dc", NODE_AC: "node-ac"}
    found = sorted(
        {(meters[c.component], c.collector) for c in channels if c.component in meters and c.counts}
    )
    if boundary != "compute" or quality == "measured" or not found:
        return []
    name, collector = found[0]
    message = f"a node meter works here ({collector}) and is not part of this boundary"
    return [
        Doubt(
            code="node-meter-unused", message=message, remedy=f"--boundary {name} measures with it"
        )
    ]


def of_quality(
    quality: str | None, rows: Sequence[Row], virtual: str | None, said: Collection[str]
) -> list[Doubt]:
    """No sensor behind the CPU's figure, unless its collector has said so already."""
    found: list[Doubt] = []
    if quality is None:
        remedy = "see `energybench doctor`, and the failed reads of the channels"
        return [
            Doubt(
                code="not-measured",
                message="no part of the boundary gave a reading: there is no energy to report",
                remedy=remedy,
            )
        ]
    if "estimated-cpu" in said:
        return found
    if quality == "estimated":
        where = f" (virtual machine: {virtual})" if virtual else ""
        found.append(
            Doubt(
                code="estimated",
                message=f"no sensor of this boundary works here{where}: energies are time x assumed "
                "power, ±50 %",
                remedy="`energybench doctor` names the sensors and what would open them",
            )
        )
    elif cpu_modelled(rows):
        found.append(
            Doubt(
                code="cpu-estimated",
                message="the CPU's share is time x assumed power, ±50 %",
                remedy="`energybench doctor`: open RAPL",
            )
        )
    return found


def beyond(checkpoint: str) -> str:
    """Where a run ended between saving and stating."""
    return (
        f"{Path(checkpoint).name} may hold steps beyond those that are stated here, and what goes "
        "on from it counts them"
    )


def of_verification(checks: Sequence[Verification]) -> list[Doubt]:
    failed = [check for check in checks if not check.passed]
    if not failed:
        return []
    said = ", ".join(_said(check) for check in failed)
    remedy = (
        "do not use this energy: the work is wrong or was not finished; mend the program, or give "
        "it what it lacks (more steps, another goal)"
    )
    return [
        Doubt(
            code="verification-failed",
            message=f"the work did not pass its check: {said}",
            remedy=remedy,
        )
    ]


def _said(check: Verification) -> str:
    value = "not a number" if check.value is None else f"{check.value:.3g}"
    return f"{check.quantity} {value} (tolerance {check.tolerance:.3g})"
