"""`energybench calibrate --against RUN`: the sensors' gains from a run with a reference meter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.cli import common
from energybench.errors import BadInput
from energybench.foreign_text import visible

if TYPE_CHECKING:
    from energybench.meters.site_gain import Findings
    from energybench.model import Channel, ChannelProfile, Estimate, Measurement


def calibrate_against(
    run: str, store: Path, folder: Path, json: bool, psu_efficiency: float | None = None
) -> None:
    """Find the gains, save the gains as profiles, and show them.

    Raises BadInput if the reference does not tell the gains.
    """
    from energybench.analysis.energy.boundary import NODE_AC, cover
    from energybench.analysis.sensors.mirrored_counters import mirrors
    from energybench.measuring.session import ranges
    from energybench.meters import site_gain
    from energybench.store import profiles, reader

    directory, measured = reader.measurement(run, store)
    # a file that cannot be replaced is refused before the gains are computed
    profiles.read(folder)
    profiles.check_replaceable(folder, measured.host)
    where = str(directory)
    traces, windows = reader.read_traces(directory)
    meters = site_gain.references(traces)
    if not meters:
        raise BadInput(
            where,
            "has no reference meter",
            f"energybench attach {measured.id} --meter FILE --scope node|gpu --accuracy 1%",
        )
    reference = meters[-1]  # attached last
    if psu_efficiency is not None and reference.component != NODE_AC:
        raise BadInput(
            "--psu-efficiency", "is for a node meter before the power supply", "leave it out"
        )
    if reference.counts:
        chosen = cover(
            "compute",
            [trace.channel for trace in traces],
            measured.host,
            ranges(),
            mirrors(traces).repeated,
        )
        findings = site_gain.of_node(traces, windows, reference, chosen, where, psu_efficiency)
    else:
        findings = site_gain.of_board(traces, windows, reference, where)
    written = profiles.save(_profiles(findings, reference, measured, psu_efficiency), folder)
    if json:
        common.print_json(_document(findings, reference, measured, written))
    else:
        print(_text(findings, reference, measured, written))


def _profiles(
    findings: Findings, reference: Channel, measured: Measurement, psu: float | None
) -> list[ChannelProfile]:
    from datetime import UTC, datetime

    from energybench.analysis.measurement.profiles import state
    from energybench.meters.gain_effects import error_of
    from energybench.model import ChannelProfile, SiteGain
    from energybench.units import counted

    now = datetime.now(UTC).isoformat(timespec="seconds")
    name = reference.quantity if reference.component == "gpu.board" else reference.device
    source = f"{name}: {reference.gain.source}; in {measured.id}"
    notes: tuple[str, ...] = ()
    if findings.scale is not None:
        supply = f"; power supply's efficiency {psu:g}, as stated" if psu is not None else ""
        notes = (
            f"common scale of {counted(len(findings.channels), 'channel')} over "
            f"{counted(findings.windows, 'window')} "
            f"of a node meter{supply}",
        )
    gains = []
    for finding in findings.channels:
        driver, clocks = state(finding.channel.device, measured.host)
        gain = SiteGain(
            value=finding.gain.value,
            u_rel=finding.u_rel,
            reference=source,
            meter=error_of(reference),
            driver=driver,
            clocks=clocks,
            made_utc=now,
        )
        gains.append(
            ChannelProfile(
                channel=finding.channel.id,
                device=finding.channel.device,
                host=measured.host.name,
                host_ids=measured.host.identities,
                driver=driver,
                clocks=clocks,
                gain=gain,
                notes=notes,
                made_utc=now,
            )
        )
    return gains


def _document(
    findings: Findings, reference: Channel, measured: Measurement, written: tuple[Path, ...]
) -> dict[str, Any]:
    channels = [
        {
            "channel": finding.channel.id,
            "gain": finding.gain.value,
            "low": finding.gain.low,
            "high": finding.gain.high,
            "u_rel": finding.u_rel,
            "prior_rel": finding.prior_rel,
        }
        for finding in findings.channels
    ]
    scale = findings.scale
    return {
        "schema": "energybench/1",
        "kind": "site-gain",
        "run": measured.id,
        "reference": reference.id,
        "windows": findings.windows,
        "scale": {"value": scale.value, "low": scale.low, "high": scale.high}
        if scale is not None
        else None,
        "fixed_w": findings.fixed_w,
        "channels": channels,
        "written": [str(path) for path in written],
    }


def _text(
    findings: Findings, reference: Channel, measured: Measurement, written: tuple[Path, ...]
) -> str:
    from energybench.units import counted, show

    name = reference.quantity if reference.component == "gpu.board" else reference.device
    lines = [
        f"{measured.host.name}: sensors against {name}, {counted(findings.windows, 'window')} of "
        f"{measured.id}"
    ]
    if findings.scale is not None:
        lines += _scale_lines(findings.scale, findings.fixed_w)
    for finding in findings.channels:
        lines.append(f"  {finding.channel.id}")
        lines.append(
            f"    shown / true {show(finding.gain)}   standard uncertainty {finding.u_rel:.2%}, "
            f"believed before ±{finding.prior_rel:.2%}"
        )
    rows = [*lines, "", *(f"written to {path}" for path in written)]
    return "\n".join(map(visible, rows))


def _scale_lines(scale: Estimate, fixed_w: float | None) -> list[str]:
    """The sum's scale with its effects."""
    from energybench.analysis.uncertainty.effect_words import EffectNames
    from energybench.units import show

    names = EffectNames(scale.effects)
    fixed = ""
    if fixed_w is not None:
        fixed = f"; {fixed_w:.0f} W of the meter do not follow the sensors"
    return [
        f"  sum of the sensors: shown / true {show(scale)}{fixed}",
        *(
            f"    {names.name(effect)}: ±{abs(effect.u) / scale.value:.2%}"
            for effect in scale.effects
        ),
        "  The parts rise and fall together: every part has the sum's scale, with an uncertainty "
        "of its own.",
    ]
