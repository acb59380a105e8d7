"""The largest power that a real reading of a channel can show."""

from __future__ import annotations

from energybench.model import Channel

# Largest power of a device whose channel states no limit, W: the largest board sold
# (data/priors.toml parts.gpu_w), a module with several boards, a node of eight boards with its
# hosts.
_FALLBACK_MAX_W = 1000.0
_LARGER_W = {"module": 3000.0, "node": 15_000.0, "node.ac": 15_000.0, "platform": 2000.0}
# Peaks reach about twice the limit of a board for milliseconds, and the next generation of a device
# may draw more than the largest one sold; a reading of three times that is not plausible.
_PEAK = 3.0
# Parts that draw at least a watt while the machine runs.
_ALWAYS_ON = frozenset({"cpu.package", "gpu.board", "module", "node", "node.ac"})


def draws_power(channel: Channel) -> bool:
    """Whether a reading of 0 W of this channel is not a power."""
    return channel.component in _ALWAYS_ON and channel.quality == "measured"


def limit_w(channel: Channel) -> float:
    """Largest power of the device, W: stated, or by the kind of device."""
    return channel.max_power_w or _LARGER_W.get(channel.component, _FALLBACK_MAX_W)


def implausible_above_w(channel: Channel) -> float:
    """Watts that no real reading of this channel exceeds."""
    return channel.max_power_w or _PEAK * limit_w(channel)
