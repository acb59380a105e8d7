"""`energybench calibrate --against RUN`: the sensors' gains from a run with a reference meter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.cli import common
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.meters.site_gain import Findings
    from energybench.model import Channel, ChannelProfile, Measurement


def calibrate_against(
    run: str, store: Path, folder: Path, json: bool, psu_efficiency: float | None = None
) -> None:
    """Find the gains, save them as profiles, say what was found.

    Raises BadInput where the reference does not tell.
    """
    from energybench.analysis.energy.boundary import NODE_AC, cover
    from energybench.analysis.traces.mirrored_counters import mirrors
    from energybench.measuring.session import ranges
    from energybench.meters import site_gain
    from energybench.store import profiles, reader

    if psu_efficiency is not None and not 0.5 <= psu_efficiency <= 1.0:
        raise BadInput(
            f"--psu-efficiency {psu_efficiency:g}",
            "is no efficiency of a power supply",
            "a fraction from 0.5 to 1, say 0.94",
        )
    profiles.read(folder)  # a file that cannot be added to is said first
    directory, measured = reader.measurement(run, store)
    where = str(directory)
    traces, windows = reader.read_traces(directory)
    meters = site_gain.references(traces)
    if not meters:
        raise BadInput(
            where,
            "has no reference meter",
            f"energybench attach {measured.id} --meter FILE --scope node|gpu --accuracy 1%",
        )
    reference = meters[-1]  # the one attached last
    if psu_efficiency is not None and reference.component != NODE_AC:
        raise BadInput(
            "--psu-efficiency", "is for a node meter before the power supply", "leave it out"
        )
    if reference.counts:
        chosen = cover(
            "compute", [trace.channel for trace in traces], measured.host, ranges(), mirrors(traces)
        )
        found = site_gain.of_node(traces, windows, reference, chosen, where, psu_efficiency)
    else:
        found = site_gain.of_board(traces, windows, reference, where)
    written = profiles.save(_profiles(found, reference, measured, psu_efficiency), folder)
    if json:
        common.print_json(_document(found, reference, measured, written))
    else:
        print(_text(found, reference, measured, written))


def _profiles(
    found: Findings, reference: Channel, measured: Measurement, psu: float | None
) -> list[ChannelProfile]:
    from datetime import UTC, datetime

    from energybench.analysis.measurement.profiles import state
    from energybench.model import ChannelProfile, SiteGain

    now = datetime.now(UTC).isoformat(timespec="seconds")
    name = reference.quantity if reference.component == "gpu.board" else reference.device
    said = f"{name}: {reference.gain.source}; in {measured.id}"
    notes: tuple[str, ...] = ()
    if found.scale is not None:
        supply = f"; power supply's efficiency {psu:g}, as stated" if psu is not None else ""
        notes = (
            f"common scale of {len(found.channels)} channels over {found.windows} windows of a "
            f"node meter{supply}",
        )
    made = []
    for one in found.channels:
        driver, clocks = state(one.channel.device, measured.host)
        gain = SiteGain(value=one.gain.value, u_rel=one.u_rel, reference=said, made_utc=now)
        made.append(
            ChannelProfile(
                channel=one.channel.id,
                device=one.channel.device,
                host=measured.host.name,
                driver=driver,
                clocks=clocks,
                gain=gain,
                notes=notes,
                made_utc=now,
            )
        )
    return made


def _document(
    found: Findings, reference: Channel, measured: Measurement, written: tuple[Path, ...]
) -> dict[str, Any]:
    channels = [
        {
            "channel": one.channel.id,
            "gain": one.gain.value,
            "low": one.gain.low,
            "high": one.gain.high,
            "u_rel": one.u_rel,
            "prior_rel": one.prior_rel,
        }
        for one in found.channels
    ]
    scale = found.scale
    return {
        "schema": "energybench/1",
        "kind": "site-gain",
        "run": measured.id,
        "reference": reference.id,
        "windows": found.windows,
        "scale": {"value": scale.value, "low": scale.low, "high": scale.high}
        if scale is not None
        else None,
        "fixed_w": found.fixed_w,
        "channels": channels,
        "written": [str(path) for path in written],
    }


def _text(
    found: Findings, reference: Channel, measured: Measurement, written: tuple[Path, ...]
) -> str:
    from energybench.units import show

    name = reference.quantity if reference.component == "gpu.board" else reference.device
    lines = [
        f"{measured.host.name}: sensors against {name}, {found.windows} windows of {measured.id}"
    ]
    if found.scale is not None:
        fixed = (
            f"; {found.fixed_w:.0f} W of the meter do not follow them"
            if found.fixed_w is not None
            else ""
        )
        lines.append(f"  sum of the sensors: shown / true {show(found.scale)}{fixed}")
        lines += [
            f"    {effect.name}: ±{abs(effect.u) / found.scale.value:.2%}"
            for effect in found.scale.effects
        ]
        lines.append(
            "  The parts rise and fall together: each has the sum's scale, with what is not known "
            "of it alone."
        )
    for one in found.channels:
        lines.append(f"  {one.channel.id}")
        lines.append(
            f"    shown / true {show(one.gain)}   standard uncertainty {one.u_rel:.2%}, believed "
            f"before ±{one.prior_rel:.2%}"
        )
    return "\n".join([*lines, "", *(f"written to {path}" for path in written)])
