"""The channels that read the energy of a measurement. A run reads further sensors, outside its
boundary or beside a better sensor of the same part.
"""

from __future__ import annotations

from energybench.model import ChannelStats, Measurement, Part


def channel_of(measurement: Measurement, part: Part) -> ChannelStats | None:
    """The channel behind the energy of a part: from the preferred collector, and a counter rather
    than a power reading.
    """
    return min(_of_part(measurement, part), key=_rank, default=None)


def counted_channels(measurement: Measurement) -> tuple[ChannelStats, ...]:
    """The channels with samples behind the energy, without repetition, in the order of the parts. A
    part of several nodes has the channels of all their collectors.
    """
    channels: list[ChannelStats] = []
    for part in measurement.boundary.parts:
        if part.state == "missing":
            continue
        present = sorted(filter(_is_read, _of_part(measurement, part)), key=_rank)
        channels += present if measurement.nodes > 1 else present[:1]
    return tuple(dict.fromkeys(channels))


def _of_part(measurement: Measurement, part: Part) -> list[ChannelStats]:
    return [
        channel
        for channel in measurement.channels
        if (channel.component, channel.device) == (part.component, part.device)
    ]


def _is_read(channel: ChannelStats) -> bool:
    return channel.samples > 0


def _rank(channel: ChannelStats) -> tuple[int, bool]:
    return channel.rank, channel.kind != "counter"
