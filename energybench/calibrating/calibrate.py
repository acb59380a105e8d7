"""`calibrate`: drive a known load on successive devices, poll the sensors of the device as fast as
they change, and fit period, window and lag.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.measurement.profiles import CPU, state
from energybench.calibrating.characterise import Figures, SquareWave, characterise
from energybench.calibrating.loads.child import LoadChild, Taken
from energybench.calibrating.loads.wave import wave
from energybench.calibrating.recording import record
from energybench.calibrating.targets import channels_of
from energybench.measuring.calibrated_sensors import now_utc
from energybench.measuring.plan import Progress
from energybench.measuring.sensors import Sensors
from energybench.model import Channel, ChannelProfile, Host, Trace
from energybench.plugins import Clock, Unavailable

# time between the clock's answer and the load's first instruction: waking takes 0.05-0.2 ms, a
# launch 0.02 ms
_EDGE_U_S = 2e-4
# share of the on-phases below which a foreign program (or a quota) had the cores
_DISTURBED = 0.95


class Found(NamedTuple):
    """A channel: the profile to keep, and the fitted figures."""

    channel: Channel
    profile: ChannelProfile
    figures: Figures


class Driven(NamedTuple):
    """A device: the load in words and the fitted channels, or the reason why no load ran."""

    device: str
    load: str
    channels: tuple[Found, ...] = ()
    reason: str = ""
    remedy: str = ""


def drive(
    sensors: Sensors, device: str, host: Host, seconds: float, clock: Clock, progress: Progress
) -> Driven:
    """Calibrate a device; if the device cannot be driven, the reason and a remedy."""
    wanted = {channel.id for channel in channels_of(sensors, device)}
    opened = [
        entry for entry in sensors.opened if any(channel.id in wanted for channel in entry.channels)
    ]
    child = _load(device, host)
    try:
        with child:
            plan = wave(clock.now() + 0.2, seconds)
            child.drive(plan.on)

            def share(over: float) -> None:
                progress(f"{device}: {child.words}", over)

            traces = record(opened, wanted, plan, clock, share)
            taken = child.taken()
    except Unavailable as why:
        return Driven(device, "", (), why.reason, why.remedy)
    load = f"{child.words}, {len(plan.on)} on-phases in {seconds:g} s"
    return Driven(device, load, _fitted(traces, taken, host, load))


def _load(device: str, host: Host) -> LoadChild:
    if device == CPU:
        cores = sorted(os.sched_getaffinity(0))
        return LoadChild("cpu", ",".join(str(core) for core in cores))
    pci = next((gpu.pci_bus_id or "" for gpu in host.gpus if gpu.uuid == device), "")
    return LoadChild("cuda", f"{device}/{pci}")


def _fitted(traces: Sequence[Trace], taken: Taken, host: Host, load: str) -> tuple[Found, ...]:
    square = SquareWave.of(taken.phases, float(np.hypot(_EDGE_U_S, taken.edge_u_s)))
    fitted = []
    for trace in traces:
        figures = characterise(trace, square)
        if taken.busy < _DISTURBED:
            disturbed = (
                f"the load had its cores for {taken.busy:.0%} of the time: another program, or a "
                "quota; calibrate on an idle machine"
            )
            figures = figures._replace(notes=(*figures.notes, disturbed))
        profile = _profile(trace.channel, figures, host, load)
        fitted.append(Found(trace.channel, profile, figures))
    return tuple(fitted)


def _profile(channel: Channel, figures: Figures, host: Host, load: str) -> ChannelProfile:
    driver, clocks = state(channel.device, host)
    return ChannelProfile(
        channel=channel.id,
        device=channel.device,
        host=host.name,
        host_ids=host.identities,
        driver=driver,
        clocks=clocks,
        update_period_s=figures.update_period_s,
        update_period_u_s=figures.update_period_u_s,
        window_s=figures.window_s,
        lag_s=figures.lag_s,
        lag_u_s=figures.lag_u_s,
        load=load,
        notes=figures.notes,
        made_utc=now_utc(),
    )
