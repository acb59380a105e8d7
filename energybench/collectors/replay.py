"""Recorded or synthetic sensors on a virtual clock, with a known true energy.

A replay takes the path of a live run from samples to report, without the waiting. The collector has
no entry point: the caller constructs the collector with its series. A series gives the display of
its sensor at a virtual time.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Protocol

import msgspec

from energybench.collectors.ranks import imitated
from energybench.collectors.waveforms import Const, Sine, Square, Steps, Wave
from energybench.model import Channel, Kind, NonNegative, Positive, Trace
from energybench.plugins import Clock, Context

# shortest period or window: the digits of the time do not resolve less
_SHORTEST_S = 1e-6
# samples to walk over before a search is faster
_FAR = 32
# samples of a recorded channel that are in memory: 140 kB
_PIECE = 8192


class ReplaySeries(Protocol):
    """One channel over virtual time."""

    def channel(self, context: Context) -> Channel: ...

    def at(self, t_s: float) -> int | None:
        """Display of the sensor at t_s, in counts of the channel's resolution; None if a read would
        fail.
        """


class Replay:
    """A collector over series, read at the time of the context's clock."""

    name = "replay"

    def __init__(self, series: Sequence[ReplaySeries]) -> None:
        self._series = tuple(series)
        self._clock: Clock | None = None

    def open(self, context: Context) -> Sequence[Channel]:
        self._clock = context.clock
        return [series.channel(context) for series in self._series]

    def read(self) -> list[int | None]:
        if self._clock is None:
            return []
        t_s = self._clock.now()
        return [series.at(t_s) for series in self._series]

    def close(self) -> None:
        self._clock = None


class RecordedChannel:
    """Recorded samples: at t the last sample at or before t; None before the first sample, and for
    a failed read. Some thousand samples around t are in memory.

    size     number of samples
    piece    samples from one place to another, in the order of time
    start_s  recorded time that is virtual time 0
    """

    def __init__(
        self, channel: Channel, size: int, piece: Callable[[int, int], Trace], start_s: float = 0.0
    ) -> None:
        self._channel, self._size, self._piece, self._start_s = channel, size, piece, start_s
        self._next = 0  # place after the sample that was shown last, within the piece
        self._load(0)

    @classmethod
    def of(cls, trace: Trace, start_s: float = 0.0) -> RecordedChannel:
        """A trace in memory, with the time `start_s` as virtual time 0."""

        def piece(begin: int, end: int) -> Trace:
            return Trace(
                channel=trace.channel,
                t_s=trace.t_s[begin:end],
                raw=trace.raw[begin:end],
                ok=trace.ok[begin:end],
            )

        return cls(trace.channel, trace.t_s.size, piece, start_s)

    def channel(self, context: Context) -> Channel:
        return self._channel

    def at(self, t_s: float) -> int | None:
        if t_s < self._from_s:
            self._load(0)  # the time went back
        while t_s >= self._until_s:
            self._load(self._first + _PIECE)
        times, i = self._t_s, self._next
        if i and times[i - 1] > t_s:
            i = 0  # the time went back within the piece
        while i < len(times) and times[i] <= t_s:
            i += 1
            if i - self._next > _FAR:
                i = bisect.bisect_right(times, t_s)
                break
        self._next = i
        return self._raw[i - 1] if i and self._ok[i - 1] else None

    def _load(self, first: int) -> None:
        """Read the piece that begins at a place, and the time at which the next piece begins."""
        samples = self._piece(first, min(first + _PIECE + 1, self._size))
        t_s = samples.t_s - self._start_s
        more_follow = t_s.size > _PIECE
        self._until_s = float(t_s[-1]) if more_follow else math.inf
        self._from_s = float(t_s[0]) if first else -math.inf
        count = min(t_s.size, _PIECE)
        # views give numbers of Python fast, without a list of objects in memory
        self._t_s, self._raw, self._ok = t_s[:count].data, samples.raw.data, samples.ok.data
        self._first = first
        self._next = 0


class ConstWave(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="const"
):
    watts: NonNegative

    def wave(self) -> Wave:
        return Const(self.watts)


class SquareWaveSpec(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="square"
):
    low_w: NonNegative
    high_w: NonNegative
    period_s: Positive
    duty: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5

    def wave(self) -> Wave:
        return Square(self.low_w, self.high_w, self.period_s, self.duty)


class SineWave(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sine"
):
    mean_w: NonNegative
    amplitude_w: NonNegative
    period_s: Positive

    def __post_init__(self) -> None:
        if self.amplitude_w > self.mean_w:
            raise ValueError(
                f"amplitude {self.amplitude_w} W exceeds the mean: power would fall below 0"
            )

    def wave(self) -> Wave:
        return Sine(self.mean_w, self.amplitude_w, self.period_s)


class StepsWave(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="steps"
):
    steps: tuple[tuple[float, NonNegative], ...]

    def __post_init__(self) -> None:
        times = [t_s for t_s, _ in self.steps]
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ValueError("steps need at least one [seconds, watts] and ascending times")

    def wave(self) -> Wave:
        return Steps(self.steps)


class SyntheticChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sensor of known power. All times are s of virtual time, from 0.

    period_s, phase_s  the sensor publishes at phase + k * period; 0: at any time
    window_s, lag_s    a power reading published at T is the mean over [T - lag - window, T - lag];
                       a counter shows the energy of T - lag
    gain, energy_gain  gain of the power reading, and of the counter (default: `gain`)
    energy_from        truth: the counter integrates the power; samples: the counter adds up the
                       samples of the power sensor, each the mean of `window_s`, taken for a whole
                       `sample_period_s`
    wrap, start        counts at which the counter starts again from zero, and counts at time 0
    outages            spans [from, to) in which every read fails
    prior, key         uncertainty of the gain as a row of data/priors.toml, and the key of the gain
                       (default: this device)
    rank, socket       as in Channel (default: as of the collector that the channel imitates)
    """

    device: str
    component: str
    kind: Kind
    wave: ConstWave | SquareWaveSpec | SineWave | StepsWave
    collector: str = "replay"
    quantity: str = ""
    resolution: Positive = 1e-3
    period_s: NonNegative = 0.0
    phase_s: float = 0.0
    window_s: NonNegative = 0.0
    lag_s: NonNegative = 0.0
    lag_u_s: NonNegative = 0.0
    gain: Positive = 1.0
    energy_gain: Positive | None = None
    energy_from: Literal["truth", "samples"] = "truth"
    sample_period_s: Positive = 0.1
    wrap: int | None = None
    start: int = 0
    outages: tuple[tuple[float, float], ...] = ()
    prior: str = "replay.exact"
    key: str | None = None
    quality: Literal["measured", "estimated"] = "measured"
    max_power_w: Positive | None = None
    used: bool = True
    counts: bool = True
    contains: tuple[str, ...] = ()
    rank: int | None = None
    socket: str | None = None

    def __post_init__(self) -> None:
        for name, span_s in (("period_s", self.period_s), ("window_s", self.window_s)):
            if 0 < span_s < _SHORTEST_S:
                raise ValueError(
                    f"{name} {span_s:g} is shorter than {_SHORTEST_S:g} s: give 0 for none"
                )
        if self.wrap is not None and not 0 <= self.start < self.wrap:
            raise ValueError(f"start {self.start} is not within [0, wrap)")


class SyntheticSeries:
    """Display of a SyntheticChannel over time, and the true energy."""

    def __init__(self, definition: SyntheticChannel) -> None:
        self.definition = definition
        self._wave = definition.wave.wave()
        # [k]: energy in a counter of samples after the k-th sample
        self._sampled_j = [0.0]

    def channel(self, context: Context) -> Channel:
        d = self.definition
        rank, socket = imitated(d.collector, d.device)
        return Channel(
            collector=d.collector,
            device=d.device,
            component=d.component,
            kind=d.kind,
            quantity=d.quantity,
            resolution=d.resolution,
            gain=context.gain(d.prior, d.key or d.device),
            update_period_s=d.period_s or None,
            window_s=d.window_s if d.kind == "power" else 0.0,
            lag_s=d.lag_s,
            lag_u_s=d.lag_u_s,
            wrap=d.wrap,
            max_power_w=d.max_power_w,
            quality=d.quality,
            used=d.used,
            counts=d.counts,
            contains=d.contains,
            rank=rank if d.rank is None else d.rank,
            socket=socket if d.socket is None else d.socket,
        )

    def true_energy_j(self, start_s: float, end_s: float) -> float:
        """Joules that the device consumed, whatever the sensor displays."""
        return self._wave.energy_j(end_s) - self._wave.energy_j(start_s)

    def at(self, t_s: float) -> int | None:
        d = self.definition
        if any(start_s <= t_s < end_s for start_s, end_s in d.outages):
            return None
        seen_s = self.published_s(t_s) - d.lag_s
        if d.kind == "power":
            return round(self._seen_w(seen_s) / d.resolution)
        raw = d.start + math.floor(self._counted_j(seen_s) / d.resolution)
        return raw % d.wrap if d.wrap is not None else raw

    def published_s(self, t_s: float) -> float:
        """Time at which the value displayed at t_s was published."""
        d = self.definition
        if not d.period_s:
            return t_s
        return d.phase_s + math.floor((t_s - d.phase_s) / d.period_s) * d.period_s

    def _seen_w(self, end_s: float) -> float:
        d = self.definition
        if not d.window_s:
            return d.gain * self._wave.power_w(end_s)
        return d.gain * self.true_energy_j(end_s - d.window_s, end_s) / d.window_s

    def _counted_j(self, t_s: float) -> float:
        d = self.definition
        gain = d.gain if d.energy_gain is None else d.energy_gain
        if d.energy_from == "truth":
            return gain * self._wave.energy_j(t_s)
        samples = max(0, math.floor((t_s - d.phase_s) / d.sample_period_s))
        for k in range(len(self._sampled_j), samples + 1):
            seen_w = self._seen_w(d.phase_s + k * d.sample_period_s) / d.gain
            self._sampled_j.append(self._sampled_j[-1] + gain * seen_w * d.sample_period_s)
        return self._sampled_j[samples]
