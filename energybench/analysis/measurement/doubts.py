"""Doubts about a measurement: its repeats, parts, channels, quality and checks.

Thresholds cite their source.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from energybench.analysis.energy.boundary import CPU, MEMORY, NODE, NODE_AC
from energybench.analysis.energy.boundary_parts import Row
from energybench.analysis.uncertainty.repeats import trend
from energybench.model import (
    TIME_X_ASSUMED_POWER,
    UNUSED,
    BoundaryName,
    Channel,
    ChannelStats,
    Doubt,
    Quality,
    Verification,
    Window,
    estimated_components,
)
from energybench.units import counted

# Interpolation at the edges is a large part of windows shorter than this many sensor periods: SC24
# (arXiv 2312.02741) asks for 5 s, or 32 repeats of short windows.
_SHORT_PERIODS = 10
# |Spearman| of the energies against the order of the repeats; 0.9 at n = 8 has p < 0.3 %.
_TREND = 0.9
_TREND_SPAN = 1.01  # largest energy over smallest energy, below which a trend does not matter
_MISSED = 0.01  # of the scheduled samples
_LATE = 0.2  # jitter over the period
_BUSY = "leave a core to the sampler"


def of_repeats(
    windows: Sequence[Window], energies: Sequence[float], longest_period_s: float
) -> list[Doubt]:
    """Doubts about repeats that are too few, too short, or follow a trend."""
    doubts = []
    if len(windows) == 1 and windows[0].cut is None:
        doubts.append(
            Doubt(
                code="single-repeat",
                message="one repeat: this is the energy of that window; its run-to-run scatter is "
                "not known",
                remedy="--repeats 8 or more; in Python energybench.repeats",
            )
        )
    shortest_s = min((window.duration_s for window in windows), default=0.0)
    if windows and longest_period_s and shortest_s < _SHORT_PERIODS * longest_period_s:
        doubts.append(
            Doubt(
                code="short-window",
                message=f"the shortest repeat lasts {shortest_s:.3g} s, under {_SHORT_PERIODS} "
                f"updates of the slowest sensor ({longest_period_s:.3g} s)",
                remedy="a larger size, or more work in one repeat",
            )
        )
    rho = trend(energies)
    if rho is not None and abs(rho) >= _TREND and max(energies) > _TREND_SPAN * min(energies):
        verb = "rises" if rho > 0 else "falls"
        doubts.append(
            Doubt(
                code="trend",
                message=f"energy {verb} from repeat to repeat (rank correlation {rho:+.2f}): not a "
                "steady state",
                remedy="longer warm-up; see clocks and temperature",
            )
        )
    return doubts


def of_parts(rows: Sequence[Row]) -> list[Doubt]:
    """Doubts about missing and modelled parts, and about idle accelerators."""
    doubts = []
    for row in rows:
        part = row.part
        place = f"{part.component} {part.device}".strip()
        if part.state == "missing":
            silent = any(e.kind == "no-reading" for cell in row.cells for e in cell.effects)
            why = "has no working sensor"
            remedy = "see `energybench doctor` for what would make it measurable"
            if silent:
                why = "has a sensor that told no energy in any repeat"
                remedy = "see the doubts about this sensor, and `energybench doctor`"
            doubts.append(
                Doubt(
                    code="part-missing",
                    message=f"{place} {why}: up to {part.high_w:.0f} W more, in the interval only",
                    remedy=remedy,
                    subject=place,
                )
            )
        elif part.state == "modelled" and part.component == MEMORY:
            beside_counter = any(
                other.part.component == MEMORY and other.part.state == "measured" for other in rows
            )
            bare = "the memory of a socket or die" if beside_counter else "memory"
            doubts.append(
                Doubt(
                    code="memory-modelled",
                    message=f"{bare} has no energy counter here: modelled at "
                    f"{part.low_w:.0f}-{part.high_w:.0f} W for what is installed",
                    remedy="a node meter, or a CPU with a DRAM counter",
                    subject=place,
                )
            )
    # A missing part has no energy in the sum, and a doubt of its own.
    idle = sorted(
        row.part.device for row in rows if row.part.used is False and row.part.state != "missing"
    )
    if idle:
        doubts.append(
            Doubt(
                code="idle-accelerators",
                message=f"{counted(len(idle), 'accelerator')} of this node had no part in the "
                f"work, and the energy includes {'it' if len(idle) == 1 else 'them'} "
                f"({', '.join(idle)})",
                remedy="take a CPU-only baseline on a CPU-only node",
                subject=UNUSED,
            )
        )
    return doubts


def of_channels(stats: Sequence[ChannelStats], dropped: int) -> list[Doubt]:
    """Doubts about reads that failed, were implausible, came late, or were missed.

    dropped  implausible readings of the sensors that the energy counts
    """
    doubts = []
    failed = sum(channel.failed for channel in stats)
    if failed:
        worst = max(stats, key=lambda channel: channel.failed)
        name = f"{worst.collector} {worst.component} {worst.device}"
        doubts.append(
            Doubt(
                code="failed-reads",
                message=f"{counted(failed, 'read')} of sensors failed and gave no reading, "
                f"{worst.failed} of {name}",
                remedy="see `energybench doctor`",
                subject=name,
            )
        )
    if dropped:
        doubts.append(
            Doubt(
                code="implausible-reads",
                message=f"dropped: {counted(dropped, 'reading')} that no real power explains",
                remedy="see the raw samples; update the driver or firmware",
            )
        )
    most_samples = max((channel.samples for channel in stats), default=0)
    missed = max((channel.missed for channel in stats), default=0)
    if most_samples and missed > _MISSED * most_samples:
        doubts.append(
            Doubt(
                code="missed-samples",
                message=f"{missed} scheduled samples were missed: the machine was too busy to "
                "sample",
                remedy=_BUSY,
            )
        )
    jitters = [
        channel.jitter_s / channel.period_s
        for channel in stats
        if channel.jitter_s and channel.period_s
    ]
    if max(jitters, default=0.0) > _LATE:
        message = f"samples came with a jitter of {max(jitters):.0%} of their period"
        doubts.append(Doubt(code="jitter", message=message, remedy=_BUSY))
    return doubts


def cpu_modelled(rows: Sequence[Row]) -> bool:
    """Whether a model stands in place of a sensor of the CPU."""
    return any(row.part.component == CPU and row.part.state == "modelled" for row in rows)


def of_unused_meters(
    boundary: BoundaryName, quality: Quality | None, channels: Sequence[Channel]
) -> list[Doubt]:
    """A doubt if a node meter works here, and the boundary was modelled without the meter."""
    boundaries: dict[str, BoundaryName] = {NODE: "node-dc", NODE_AC: "node-ac"}
    meters = sorted(
        {
            (boundaries[channel.component], channel.collector)
            for channel in channels
            if channel.component in boundaries and channel.counts
        }
    )
    if boundary != "compute" or quality == "measured" or not meters:
        return []
    name, collector = meters[0]
    return [
        Doubt(
            code="node-meter-unused",
            message=f"a node meter works here ({collector}) and is not part of this boundary",
            remedy=f"--boundary {name} measures with it",
            subject=collector,
        )
    ]


def of_quality(
    quality: Quality | None, rows: Sequence[Row], virtual: str | None, stated: Collection[str]
) -> list[Doubt]:
    """Doubts if nothing was measured, or if no sensor stands behind the energy of a component.

    stated  codes of the doubts that the collectors stated: a model of the CPU is said once
    """
    if quality is None:
        return [
            Doubt(
                code="not-measured",
                message="no part of the boundary gave a reading: there is no energy to report",
                remedy="see the doubts about the parts, and `energybench doctor`",
            )
        ]
    if quality == "estimated":
        if "estimated-cpu" in stated:
            return []
        where = f" (virtual machine: {virtual})" if virtual else ""
        return [
            Doubt(
                code="estimated",
                message=f"no sensor of this boundary works here{where}: energies are "
                f"{TIME_X_ASSUMED_POWER}, ±50 %",
                remedy="`energybench doctor` names the sensors and what would open them",
            )
        ]
    return [
        _of_model(component)
        for component in estimated_components(row.part for row in rows)
        if component != CPU or "estimated-cpu" not in stated
    ]


def _of_model(component: str) -> Doubt:
    """The doubt about a component with a power model in place of a sensor."""
    if component == CPU:
        return Doubt(
            code="estimated-cpu",
            message=f"the CPU's share is {TIME_X_ASSUMED_POWER}, ±50 %",
            remedy="`energybench doctor`: open RAPL",
            subject=CPU,
        )
    return Doubt(
        code="estimated-part",
        message=f"the share of {component} is {TIME_X_ASSUMED_POWER}",
        remedy="`energybench doctor` names the sensor of the part and what would open it",
        subject=component,
    )


def beyond(checkpoint: str) -> str:
    """In words: a run ended between saving its checkpoint and stating its work."""
    return (
        f"{Path(checkpoint).name} may hold steps beyond those that are stated here, and a run that "
        "continues from the file counts them"
    )


def of_verification(checks: Sequence[Verification]) -> list[Doubt]:
    """A doubt if the work failed a check."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return []
    return [
        Doubt(
            code="verification-failed",
            message="the work did not pass its check: "
            f"{', '.join(_check_words(check) for check in failed)}",
            remedy="do not use this energy: the work is wrong or was not finished; mend the "
            "program, or give it what it lacks (more steps, another goal)",
            subject=", ".join(check.quantity for check in failed),
        )
    ]


def _check_words(check: Verification) -> str:
    value = "not a number" if check.value is None else f"{check.value:.3g}"
    return f"{check.quantity} {value} (tolerance {check.tolerance:.3g})"
