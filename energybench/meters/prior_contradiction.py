"""Meters that contradict what is believed of a sensor: they saw something else than the sensor.

The scale of a sensor is wrong by some percent (shunts, amplifiers, the model behind a register):
boards differ from a meter by -5.5 % to +11 % (arXiv 2312.02741), packages by a few percent
(Desrochers et al., MEMSYS 2016); data/priors.toml states the standard uncertainty of each with its
source. A factor of two, of a thousand or of another board's load is no error of a sensor. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from energybench.errors import BadInput
from energybench.meters.gain_effects import Energies, relative_u
from energybench.model import Channel, Estimate
from energybench.units import short_figure, show

# Standard uncertainties of belief and measurement together that an error of the sensor explains:
# 99.73 % of a normal distribution (GUM, table G.1), and more than every board in arXiv 2312.02741.
MOST_U = 3.0
# A meter that is attached, and not yet used for a gain, may differ from the board's sensor by this
# ratio at least, as the meter of a node may (`_LEAST_OF_INSIDE` of attach).
_ATTACHED_RATIO = 1.25

_OF_BOARD = (
    "the meter saw one of several feeds (slot and cables) or another board, its unit or column is "
    "wrong, or its accuracy is worse than stated: correct that and attach it again"
)
_OF_NODE = (
    "the meter saw one of several supplies, other devices or another node, its unit is wrong, or "
    "its accuracy or the supply's efficiency is worse than stated: correct that and attach it again"
)
_EARLIER = "; or the earlier calibration of the sensor is wrong: remove its profile, measure again"


def check_board(gain: Estimate, channel: Channel, where: str) -> None:
    """Raises BadInput for a gain of a board's sensor that the sensor's prior does not allow.

    gain  shown over true, after the gain that was believed: 1 if the prior was right
    """
    _check(gain, channel.gain.u_rel, [channel], where, _OF_BOARD)


def check_node(
    scale: Estimate, channels: Sequence[Channel], shares: Sequence[float], where: str
) -> None:
    """Raises BadInput for a common scale of a node's sensors that their priors do not allow.

    Sensors of one make may all be wrong in the same direction, so that their errors add linearly.
    """
    pairs = zip(channels, shares, strict=True)
    prior_rel = sum(share * channel.gain.u_rel for channel, share in pairs)
    _check(scale, prior_rel, channels, where, _OF_NODE)


def _check(
    gain: Estimate, prior_rel: float, channels: Sequence[Channel], where: str, remedy: str
) -> None:
    u_rel = relative_u(gain)
    apart_u = abs(math.log(gain.value)) / math.hypot(u_rel, prior_rel)
    if apart_u <= MOST_U:
        return
    name = channels[0].id if len(channels) == 1 else f"the {len(channels)} sensors"
    if any(channel.gain.value != 1.0 for channel in channels):
        remedy += _EARLIER
    raise BadInput(
        where,
        f"the meter contradicts {name}: shown / true {show(gain)}, believed 1 ± {prior_rel:.1%} "
        f"({channels[0].gain.source or channels[0].gain.key}); {apart_u:.0f} standard "
        f"uncertainties apart, and an error of the sensor explains {MOST_U:.0f}",
        remedy,
    )


def check_attached_board(
    shown: tuple[float, float] | None, sensor: Energies, accuracy_rel: float, where: str
) -> None:
    """Raises BadInput for a meter whose power is not that of the board.

    shown         mean power of the meter and of the board's own sensor over the same time, W
    sensor        energies of that sensor in the repeats: the power that a part-time sensor does not
                  see widens the difference that is allowed
    accuracy_rel  limit of error of the meter
    """
    if shown is None or shown[1] <= 0:
        return
    meter_w, board_w = shown
    joules = sum(sensor.joules)
    unseen_j = sum(abs(term.u) for cell in sensor.cells for term in (*cell.random, *cell.common))
    unseen_rel = unseen_j / joules if joules > 0 else math.inf
    u_rel = math.hypot(sensor.channel.gain.u_rel, accuracy_rel / math.sqrt(3), unseen_rel)
    allowed = max(math.log(_ATTACHED_RATIO), MOST_U * u_rel)
    if meter_w > 0 and abs(math.log(meter_w / board_w)) <= allowed:
        return
    raise BadInput(
        where,
        f"shows {short_figure(meter_w, 4)} W where the board's own sensor shows "
        f"{short_figure(board_w, 4)} W",
        "the meter saw one of several feeds (slot and cables) or another board, or its unit or "
        "column is wrong",
    )
