"""The nouns of energybench, read downward: channel, trace, window → measurement → comparison → projection → document.

All are frozen; unknown fields, NaN and infinities are refused. Units are SI and stand in the field's name (`_j`, `_w`, `_s`).
No I/O and no import from outside this package: everything else stands on it. Read sensing, values, measured, derived, in that order.
"""

from energybench.model.base import (
    SCHEMA,
    BoundaryName,
    Distribution,
    Kind,
    NonNegative,
    Noun,
    PartState,
    Positive,
    PrecisionPolicy,
    Quality,
    Timing,
    Verdict,
)
from energybench.model.calibration import ChannelProfile, Profile, SiteGain
from energybench.model.derived import (
    Claim,
    Comparison,
    Document,
    Input,
    Line,
    PowerSeries,
    Projection,
    RatioLine,
    Timeline,
)
from energybench.model.host import Condition, Gpu, Host, OtherLoad
from energybench.model.measured import ChannelStats, Idle, Measurement, Region, Repeat
from energybench.model.sensing import Channel, Gain, Trace, Window
from energybench.model.values import (
    Boundary,
    Doubt,
    Effect,
    Estimate,
    Part,
    Verification,
    Work,
    WorkloadRef,
)

__all__ = [
    "SCHEMA",
    "Boundary",
    "BoundaryName",
    "Channel",
    "ChannelProfile",
    "ChannelStats",
    "Claim",
    "Comparison",
    "Condition",
    "Distribution",
    "Document",
    "Doubt",
    "Effect",
    "Estimate",
    "Gain",
    "Gpu",
    "Host",
    "Idle",
    "Input",
    "Kind",
    "Line",
    "Measurement",
    "NonNegative",
    "Noun",
    "OtherLoad",
    "Part",
    "PartState",
    "Positive",
    "PowerSeries",
    "PrecisionPolicy",
    "Profile",
    "Projection",
    "Quality",
    "RatioLine",
    "Region",
    "Repeat",
    "SiteGain",
    "Timeline",
    "Timing",
    "Trace",
    "Verdict",
    "Verification",
    "Window",
    "Work",
    "WorkloadRef",
]
