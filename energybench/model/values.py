"""What the work was, values with their effects, doubts, and what the joules cover."""

from __future__ import annotations

from energybench.model.base import (
    BoundaryName,
    Distribution,
    NonNegative,
    Noun,
    PartState,
    Positive,
    PrecisionPolicy,
)


class Work(Noun, frozen=True, kw_only=True):
    """Solved work. `flops` and `bytes` are the algorithm's own (its roofline), None where nobody
    has counted them.

    `arithmetic`: format that most of the flops are done in ("fp64", "fp32", "bf16", …): which
    matrix rate is their limit. None: not stated.
    """

    amount: Positive
    unit: str  # "solve to residual 1e-10", "token", "sample"
    fingerprint: str  # of the problem: two runs with the same one did the same work
    precision: PrecisionPolicy
    flops: NonNegative | None = None
    bytes: NonNegative | None = None
    arithmetic: str | None = None


class Verification(Noun, frozen=True, kw_only=True):
    """A check of the result. `value` is None where the result was not even a finite number."""

    quantity: str
    value: float | None
    tolerance: float
    passed: bool


class WorkloadRef(Noun, frozen=True, kw_only=True):
    """Which workload ran, and how."""

    name: str
    size: str
    device: str
    settings: dict[str, str | int | float | bool | None] = {}


class Effect(Noun, frozen=True, kw_only=True):
    """One source of uncertainty of a value, in the value's own unit.

    u             signed contribution c·u(x) (GUM 5.1.3); its sign matters only against other values
                  that share the key
    distribution  normal; student (scale u, `dof`); rectangular (half-width u·√3);
                  bound: the truth lies anywhere from the value to the value + u·√12, to that side
                  only, and intervals take all of it
    key           what the effect belongs to (sensor, model, site). Values that share a key share
                  the error; None: nobody else's
    """

    name: str
    u: float
    distribution: Distribution = "normal"
    dof: Positive | None = None
    key: str | None = None


class Estimate(Noun, frozen=True, kw_only=True):
    """A value, its interval, and the effects the interval was made from."""

    value: float
    low: float
    high: float
    confidence: float = 0.95
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"value {self.value} lies outside its interval [{self.low}, {self.high}]"
            )

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


class Doubt(Noun, frozen=True, kw_only=True):
    """Something that weakens a result, and what would mend it."""

    code: str
    message: str
    remedy: str


class Part(Noun, frozen=True, kw_only=True):
    """A part of a boundary.

    `low_w`, `high_w`: the range a modelled or missing part may draw; None where measured.
    """

    component: str
    state: PartState
    low_w: NonNegative | None = None
    high_w: NonNegative | None = None
    device: str = ""
    used: bool = True


class Boundary(Noun, frozen=True, kw_only=True):
    """What the joules cover. compute = every package + all memory + every accelerator present, used
    or idle.
    """

    name: BoundaryName
    parts: tuple[Part, ...]
