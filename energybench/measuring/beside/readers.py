"""The sensors of the sampling process: opened for the first block, kept for later blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from energybench import data
from energybench.analysis.traces.plausible import limit_w
from energybench.measuring import host as provenance
from energybench.measuring.calibrated_sensors import with_profiles
from energybench.measuring.conditions import Look
from energybench.measuring.reader import Reader, open_watch
from energybench.measuring.sampler import Sink, Wait
from energybench.measuring.sensors import open_all
from energybench.model import Channel, Host
from energybench.plugins import Clock, Context

_LAST_ANSWERS_S = 0.05  # patience with reads under way before sensors are judged silent
# In a window of this many updates of the slowest counting sensor, the place of its edges between
# two updates matters by only a few percent of an update. A judgement.
_UPDATES = 10
# A counter with coarse steps is read to 1 % in a window in which a part of 50 W, about the power of
# an idle accelerator, passes a hundred steps. A judgement.
_STEP_SHARE, _LIGHT_W = 0.01, 50.0


class Refusal(Exception):
    """An unmeasured block.

    entry  code, message and remedy of the doubt about the refusal
    """

    def __init__(self, message: str, remedy: str, code: str = "block-not-measured") -> None:
        super().__init__(message)
        self.entry = [code, message, remedy]


class Readers:
    """The reader of the present sensors.

    reader  None: no block was opened yet
    host    the machine with the boards shown by the sensors
    """

    def __init__(self, clock: Clock, sink: Sink, wait: Wait, caller_pid: int) -> None:
        self._clock, self._sink, self._wait, self._caller_pid = clock, sink, wait, caller_pid
        self._stack = ExitStack()
        self._wanted: tuple[Any, ...] | None = None
        self.reader: Reader | None = None
        self.host: Host

    def fitting(self, message: Mapping[str, Any], *, busy: bool) -> Reader:
        """The reader for a block: the present reader, or a new reader if the block sees other
        boards or asks for other sensors, or if a sensor has fallen silent.

        busy  whether other blocks are open, whose sensors stay

        Raises Refusal and BadInput.
        """
        wanted = _wanted(message)
        if self.reader is not None and wanted == self._wanted and (busy or not self._silent()):
            return self.reader
        if self.reader is not None and busy:
            raise Refusal(
                "an open block of this program sees other devices or sensors",
                "end that block before CUDA_VISIBLE_DEVICES or the sensors change",
            )
        self.close()
        self._open(wanted)
        self._wanted = wanted
        assert self.reader is not None
        return self.reader

    def fits(self, message: Mapping[str, Any]) -> bool:
        """Whether the present reader sees the devices and sensors of a block."""
        return self.reader is None or _wanted(message) == self._wanted

    def _silent(self) -> bool:
        assert self.reader is not None
        self.reader.sampler.rest(_LAST_ANSWERS_S)
        return self.reader.silent

    def _open(self, wanted: tuple[Any, ...]) -> None:
        visible_devices, device_order, collectors, root = wanted
        if not Path(root).is_dir():
            remedy = "name the folder that /sys, /proc and /dev lie in"
            raise Refusal(f"the root {root} is not a folder", remedy)
        pid: Callable[[], int | None] = lambda: self._caller_pid  # noqa: E731
        context = Context(
            clock=self._clock,
            root=Path(root),
            visible_devices=visible_devices,
            device_order=device_order,
            work_pid=pid,
            priors=data.priors(),
        )
        sensors = open_all(context, collectors)
        sensors = with_profiles(
            sensors, lambda: provenance.describe(self._clock, context.root, sensors.gpus)
        )
        self._stack.callback(sensors.close)
        self.host = provenance.describe(self._clock, context.root, sensors.gpus)
        watch = self._stack.enter_context(open_watch(sensors, context, pid, self._stack))
        self.reader = Reader(sensors, self._clock, self._sink, self._wait, watch)

    def description(self) -> dict[str, Any]:
        """The present sensors, for a caller.

        sensors     names of the open collectors
        absent      name, reason and remedy of every unused collector
        estimated   whether a part is modelled because none of its sensors answers
        shortest_s  length of a window that these sensors resolve, s
        largest_w   largest power of each measured component, W
        """
        assert self.reader is not None
        sensors = self.reader.sensors
        counting = [channel for channel in sensors.channels if channel.counts]
        measured = [channel for channel in counting if channel.quality == "measured"]
        lengths_s = [_UPDATES * (channel.update_period_s or 0.0) for channel in measured]
        lengths_s += [
            channel.resolution / (_STEP_SHARE * _LIGHT_W)
            for channel in measured
            if channel.kind == "counter"
        ]
        return {
            "sensors": [entry.collector.name for entry in sensors.opened],
            "absent": [[entry.name, entry.reason, entry.remedy] for entry in sensors.absent],
            "estimated": len(measured) < len(counting),
            "shortest_s": max(lengths_s, default=0.0),
            "largest_w": _largest_w(measured),
        }

    def looks(self) -> list[Look]:
        """The watch's readings since the last call."""
        return self.reader.watch.taken() if self.reader is not None else []

    def close(self) -> None:
        """Close the sensors."""
        self._stack.close()
        self.reader = None


def _largest_w(channels: Sequence[Channel]) -> dict[str, float]:
    """Largest power of each component, W: the sum over its devices. If several collectors read the
    same component, the largest sum counts.
    """
    by_collector: dict[tuple[str, str], dict[str, float]] = {}
    for channel in channels:
        devices = by_collector.setdefault((channel.component, channel.collector), {})
        devices[channel.device] = max(devices.get(channel.device, 0.0), limit_w(channel))
    largest_w: dict[str, float] = {}
    for (component, _), devices in by_collector.items():
        largest_w[component] = max(largest_w.get(component, 0.0), sum(devices.values()))
    return largest_w


def _wanted(message: Mapping[str, Any]) -> tuple[Any, ...]:
    """The requested devices and sensors of a block."""
    return (
        message["visible_devices"],
        message["device_order"],
        tuple(message["collectors"]),
        message["root"],
    )
