"""Properties of the kinds of effects: names, fall with the length of a window, and remedies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from energybench.model import Channel, EffectKind, SensorSort

Falls = Literal["no", "1/t", "1/√t"]


class Behaviour(NamedTuple):
    """Properties of one kind of effect.

    words      name of the effect without the place; {detail} stands for a figure or a word
    label      name of several effects of the kind on a line of a budget; "" if equal to `words`
    falls      fall of the effect, relative to the energy of a window, with the length t of the
               window
    by_window  True: the effect is drawn anew in every window, and the scatter of several repeats
               contains the effect. False: the effect is an equal error in every window, or a
               one-sided error, and more repeats do not make the effect smaller
    remedies   actions that make the effect smaller, by sort of sensor; None stands for the sorts
               that are not listed
    """

    words: str
    label: str = ""
    falls: Falls = "no"
    by_window: bool = False
    remedies: Mapping[SensorSort | None, str] = {}


_LONGER = "longer repeats (more work in each, or `run --min-window`)"
_SPREAD = f"{_LONGER}, or starts staggered over the sensor's period"
_CPU = "open a sensor of the CPU (RAPL): `energybench doctor` says what it lacks"
_OPEN = "make the sensor work: `energybench doctor` says what it lacks"
_REPEAT = "repeat the job: the doubt about this node says why it was not read"
_WHOLE_LOG = "attach a meter file that covers the whole run without a break"
_AGAINST = "calibrate against a meter: `energybench attach`, then `energybench calibrate --against`"
_METER = "a more accurate meter (`attach --accuracy` states its limit of error)"
_STEP = "--idle 30: the step from idle to work shows the offset of the meter's clock"

KINDS: Mapping[EffectKind, Behaviour] = {
    "gain": Behaviour("gain", remedies={None: _AGAINST}),
    "limit-of-error": Behaviour("limit of error", remedies={None: _METER}),
    "assumed-power": Behaviour(
        "assumed power",
        remedies={None: _CPU},
    ),
    "window-edges": Behaviour(
        "window edges",
        falls="1/t",
        by_window=True,
        remedies={
            "meter": f"{_LONGER}, or a meter that logs more often",
            "model": _LONGER,
            None: _SPREAD,
        },
    ),
    "edge-times": Behaviour(
        "times of start and end",
        falls="1/t",
        by_window=True,
        remedies={None: f"{_LONGER}, or a quieter machine"},
    ),
    "load-at-edges": Behaviour(
        "the load at all window edges",
        falls="1/t",
        remedies={None: f"{_LONGER}: repeats of one work begin and end alike"},
    ),
    "region-share": Behaviour(
        "{detail} of the energy between two readings",
        label="share of the energy between two readings",
        remedies={
            None: "longer regions (several readings of the sensor, 0.1 s apart, in each), or "
            "a region around a loop",
        },
    ),
    "reading-times": Behaviour(
        "times of its readings", falls="1/√t", by_window=True, remedies={None: _LONGER}
    ),
    "unseen": Behaviour(
        "power between its samples",
        falls="1/√t",
        by_window=True,
        remedies={"model": _CPU, None: _SPREAD},
    ),
    "in-step": Behaviour(
        "a load in step with its samples",
        by_window=True,
        remedies={
            "model": _CPU,
            None: "several repeats with spread starts (`run`, or `measure --repeats 8`)",
        },
    ),
    "saturated": Behaviour(
        "power above {detail}, where its readings stop",
        label="power above its readings",
        remedies={
            "meter": "a meter with a larger range",
            None: "a node meter (`--boundary node-dc` or `node-ac`)",
        },
    ),
    "resolution": Behaviour(
        "resolution",
        falls="1/t",
        by_window=True,
        remedies={"meter": f"{_LONGER}, or a meter with more digits", None: _LONGER},
    ),
    "rounding": Behaviour(
        "readings in steps of {detail}",
        label="steps of its readings",
        remedies={
            "meter": "log every digit that the meter has, or a meter with finer steps",
            None: "a node meter (`energybench attach`), or a sensor with finer steps",
        },
    ),
    "lag": Behaviour(
        "lag",
        falls="1/t",
        remedies={"model": _CPU, None: "`energybench calibrate` measures the lag of this sensor"},
    ),
    "clock-offset": Behaviour("clock offset", falls="1/t", remedies={None: _STEP}),
    "counter-against-power": Behaviour(
        "counter against power",
        remedies={
            None: "calibrate the board against a node meter: `energybench attach`, then "
            "`energybench calibrate --against`",
        },
    ),
    "node-missing": Behaviour("missing", remedies={None: _REPEAT}),
    "node-away": Behaviour("away for {detail}", label="away", remedies={None: _REPEAT}),
    "missing": Behaviour("missing", remedies={None: _OPEN}),
    "no-reading": Behaviour(
        "no reading", remedies={"meter": _WHOLE_LOG, "model": _CPU, None: _OPEN}
    ),
    "sensor-lost": Behaviour(
        "away for {detail}",
        label="away",
        remedies={
            "meter": _WHOLE_LOG,
            "model": _CPU,
            None: "see the system log for the device, then repeat the run",
        },
    ),
    "same-register": Behaviour(
        "may repeat another die's counter",
        remedies={None: "a longer run: counters of two registers move apart"},
    ),
    "gap": Behaviour(
        "gap of {detail}",
        label="gap",
        remedies={
            "meter": _WHOLE_LOG,
            None: "sample without interruption; repeat the run",
        },
    ),
    "model": Behaviour(
        "model, {detail}",
        label="model",
        remedies={
            None: "a node meter (`--boundary node-dc` or `node-ac`), or a CPU with a DRAM counter",
        },
    ),
    "scatter": Behaviour("run-to-run scatter", by_window=True),  # remedy: more repeats, see budget
    "assumed-scatter": Behaviour(
        "run-to-run scatter, assumed to be that of the repeated side on both sides",
        remedies={None: "--repeats 8 on the side with one repeat"},
    ),
    "idle-drift": Behaviour(
        "idle power: drift between its phases",
        remedies={None: "a quieter machine, or a longer idle phase (`--idle`)"},
    ),
    "time-edges": Behaviour(
        "start and end of the work", falls="1/t", by_window=True, remedies={None: _LONGER}
    ),
    "machine-limit": Behaviour(
        "limit {detail}: median of its tries",
        remedies={None: "`energybench calibrate --limits-only` on an idle machine"},
    ),
    "stated-range": Behaviour("{detail}", remedies={}),
    "slope": Behaviour(
        "slope of the meter against the sensors",
        remedies={None: "more repeats, and --idle 60 or more"},
    ),
    "fixed-power": Behaviour(
        "fixed power between the meter and the sensor",
        remedies={None: "a meter of every feed of the board (slot and cables) and of nothing else"},
    ),
    "supply-efficiency": Behaviour(
        "efficiency of the power supply",
        remedies={
            None: "`calibrate --psu-efficiency` with what its certificate says, or a meter behind "
            "the supply (`attach --dc`)",
        },
    ),
    "load-followers": Behaviour("fans and regulators that follow the load"),
    "parts-without-sensor": Behaviour("parts without a sensor"),
}


class Place(NamedTuple):
    """The part of the machine behind an effect: component, device and sort of sensor."""

    component: str = ""
    device: str = ""
    sensor: SensorSort | None = None

    @property
    def words(self) -> str:
        return f"{self.component} {self.device}".strip()


NOWHERE = Place()


def effect_name(kind: EffectKind, place: Place = NOWHERE, detail: str = "") -> str:
    """The name of an effect: 'gpu.board GPU-…: gain'."""
    words = KINDS[kind].words.format(detail=detail)
    return f"{place.words}: {words}" if place.words else words


def label(kind: EffectKind) -> str:
    """The common name of several effects of a kind: 'gain', 'model'."""
    return KINDS[kind].label or KINDS[kind].words


def remedy(kind: EffectKind, sensor: SensorSort | None) -> str:
    """An action that makes effects of a kind smaller for a sort of sensor; "" without a remedy."""
    remedies = KINDS[kind].remedies
    return remedies.get(sensor) or remedies.get(None, "")


def place_of(channel: Channel) -> Place:
    """The place of a channel's effects."""
    return Place(channel.component, channel.device, channel.sort)


def scale_kind(channel: Channel) -> EffectKind:
    """The kind of effect for an error of the channel's scale."""
    kinds: Mapping[SensorSort, EffectKind] = {"meter": "limit-of-error", "model": "assumed-power"}
    return kinds.get(channel.sort, "gain")
