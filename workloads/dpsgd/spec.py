"""What one run is: its size's preset, the settings over it, and what does not go together.

No torch: wrong settings cost no import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from energybench.errors import BadInput
from energybench_workloads.common import Settings
from energybench_workloads.trainings import check_checkpoint

MODES = ("plain", "explicit", "ghost", "book-keeping")
SETTINGS = (
    *(
        "mode",
        "steps",
        "total",
        "accuracy",
        "every",
        "batch",
        "physical",
        "sampling",
        "unit",
        "records",
        "clip",
        "noise",
        "epsilon",
        "delta",
        "accountant",
    ),
    *(
        "lr",
        "momentum",
        "norm",
        "data",
        "examples",
        "held",
        "seed",
        "threads",
        "regions",
        "checkpoint",
    ),
)
DEFAULT_SEED = 1
PLAIN_LR, PRIVATE_LR = 0.1, 1.0  # clipped gradients are small: SGD on them wants larger steps
MOST_STEPS = 2000  # of a run to an accuracy


class Preset(NamedTuple):
    """A size: its network and data, and how long it trains.

    `examples`, `held`: units in training, examples held out.
    """

    network: str
    data: str
    steps: int
    batch: int
    physical: int
    examples: int
    held: int
    classes: int = 10


SIZES: Mapping[str, Preset] = {
    "smoke": Preset("conv2", "digits", 8, 128, 128, 1500, 297),
    "conv2": Preset("conv2", "digits", 60, 256, 256, 1500, 297),
    "conv6": Preset("conv6", "synthetic", 8, 512, 128, 4096, 512),
    "wrn16-4": Preset("wrn16-4", "synthetic", 3, 128, 32, 2048, 256),
    "text": Preset("text", "text", 30, 128, 64, 4096, 256, 64),
}


class Spec(NamedTuple):
    """Every setting in force. `batch`: units, expected; `physical`: examples on the device at once.
    `accuracy` 0: a fixed number of steps.

    `noise`: the multiplier σ, None until it is found from `epsilon`, or in plain mode. `total`:
    steps of all runs from a checkpoint, 0 for no end.
    """

    size: Preset
    mode: str
    steps: int
    total: int
    accuracy: float
    every: int
    batch: int
    physical: int
    sampling: str
    unit: str
    records: int
    clip: float
    noise: float | None
    epsilon: float | None
    delta: float
    accountant: str
    lr: float
    momentum: float
    norm: str
    data: str
    examples: int
    held: int
    seed: int
    threads: int
    regions: bool
    checkpoint: str

    @property
    def private(self) -> bool:
        return self.mode != "plain"

    @property
    def planned(self) -> int:
        """Steps that the noise is found for."""
        return self.total or self.steps

    def guaranteed(self, taken: int) -> int:
        """Steps that ε is stated for, of so many taken. Where to stop depends on the accuracy, and
        so on the weights, only the most there may be is a guarantee (Rogers et al., Privacy
        odometers and filters, arXiv:1605.08294).
        """
        return self.steps if self.accuracy else taken

    @property
    def rate(self) -> float:
        """Sampling rate q: a unit's chance to be in a batch."""
        return self.batch / self.examples

    def exposures(self, steps: int) -> tuple[float, int]:
        """(sampling rate, how often it is composed) of so many steps.

        Shuffled batches are no samples: a unit is seen once a pass, without amplification.
        """
        return (
            (self.rate, steps)
            if self.sampling == "poisson"
            else (1.0, -(-steps // (self.examples // self.batch)))
        )


def read(size: str, given: Mapping[str, str]) -> Spec:
    """The settings over the size's preset. Raises BadInput."""
    s, preset = Settings(given, SETTINGS), SIZES[size]
    mode = s.choice("mode", "book-keeping", MODES)
    private, accuracy = mode != "plain", s.number("accuracy", 0.0, 0.0, 1.0)
    unit = s.choice("unit", "example", ("example", "user"))
    records = s.whole("records", 4 if unit == "user" else 1, 1, 1024)
    own = given.get("data", "")
    epsilon = s.number("epsilon", 0.0, 1e-6, 1e6) if "epsilon" in given else None
    steps = s.whole("steps", MOST_STEPS if accuracy else preset.steps, 1, 10**9)
    spec = Spec(
        size=preset,
        mode=mode,
        steps=steps,
        total=s.whole("total", 0, 1, 10**9),
        accuracy=accuracy,
        every=s.whole("every", 10 if accuracy else 0, 0, 10**9),
        batch=s.whole("batch", preset.batch, 1, 10**9),
        physical=s.whole("physical", preset.physical, 1, 10**6),
        sampling=s.choice("sampling", "poisson", ("poisson", "shuffle")),
        unit=unit,
        records=records,
        clip=s.number("clip", 1.0, 1e-6, 1e6),
        noise=(s.number("noise", 1.1, 0.0, 1e4) if epsilon is None else None) if private else None,
        epsilon=epsilon,
        delta=s.number("delta", 1e-5, 1e-12, 0.5),
        accountant=s.choice("accountant", "pld", ("pld", "rdp")),
        lr=s.number("lr", PRIVATE_LR if private else PLAIN_LR, 1e-8, 1e3),
        momentum=s.number("momentum", 0.5, 0.0, 0.999),
        norm=s.choice("norm", "group", ("group", "batch")),
        data=own
        or (
            "synthetic" if unit == "user" and preset.data == "digits" else preset.data
        ),  # nobody says who wrote which digit
        examples=s.whole("examples", preset.examples, 1, 10**8),
        held=s.whole("held", preset.held, 1, 10**7),
        seed=s.whole("seed", DEFAULT_SEED, 0, 2**62),
        threads=s.threads(),
        regions=s.flag("regions", True),
        checkpoint=given.get("checkpoint", ""),
    )
    _wrong(spec, given)
    _no_such_data(spec)
    check_checkpoint(spec.checkpoint)
    return spec


def _no_such_data(spec: Spec) -> None:
    """Raises BadInput for a network or a unit that the data do not suit."""
    network, where = spec.size.network, f"--set data={spec.data}"
    if network == "text" and spec.data != "text":
        raise BadInput(
            where,
            "this size trains on text that it makes itself",
            "leave it out, or a size of images: smoke, conv2, conv6 or wrn16-4",
        )
    if network == "text" and spec.norm == "batch":
        raise BadInput(
            "--set norm=batch",
            "the transformer has LayerNorm alone",
            "leave it out, or a size of images",
        )
    if network != "text" and spec.data == "text":
        raise BadInput(where, "is for --size text", "synthetic, or a file of your own")
    if spec.unit == "user" and spec.data == "digits":
        raise BadInput(
            where,
            "does not say whose digits they are",
            "--set data=synthetic, whose users are made up, or a file of your own",
        )
    if network != "conv2" and spec.data == "digits":
        raise BadInput(
            where,
            "has 28 x 28 pixels in grey: for smoke and conv2",
            "synthetic, or a file of your own",
        )


def _wrong(spec: Spec, given: Mapping[str, str]) -> None:
    """Raises BadInput for what does not go together, before any work."""
    if not spec.private and (
        odd := [key for key in ("clip", "noise", "epsilon", "delta", "accountant") if key in given]
    ):
        remedy = (
            "leave it out, or give it to the private variant alone: --variant "
            f"mode=book-keeping,{odd[0]}={given[odd[0]]}"
        )
        raise BadInput(f"--set {', '.join(odd)}", "mode=plain has no privacy to set", remedy)
    if spec.epsilon is not None and "noise" in given:
        raise BadInput("--set epsilon, noise", "either sets the noise", "leave one of them out")
    if spec.private and spec.noise == 0:
        raise BadInput(
            "--set noise=0",
            "without noise there is no privacy: ε is infinite",
            "--set mode=plain for the baseline, or noise above 0",
        )
    if spec.private and spec.norm == "batch":
        raise BadInput(
            "--set norm=batch",
            "BatchNorm mixes the examples of a batch: none has a gradient of its own to clip",
            "--set norm=group, or mode=plain",
        )
    if spec.batch > spec.examples:
        what = (
            f"is more than the {spec.examples} units that there are: a sampling rate of "
            f"{spec.rate:.3g} is over 1"
        )
        raise BadInput(f"--set batch={spec.batch}", what, f"at most {spec.examples}")
    if spec.epsilon is not None and spec.checkpoint and "total" not in given:
        raise BadInput(
            f"--set epsilon={spec.epsilon:g}, checkpoint",
            "the noise depends on the steps of all runs together",
            "--set total=N, of all of them",
        )
    if spec.accuracy and spec.checkpoint:
        raise BadInput(
            "--set accuracy, checkpoint",
            "do not go together: a goal that a second run reaches is no run's own work",
            "--set steps=N every=N",
        )
    if spec.accuracy and not spec.every:
        raise BadInput("--set every=0", "a goal is never looked at", "--set every=10")
    if spec.total and not spec.checkpoint:
        raise BadInput(
            f"--set total={spec.total}",
            "is of all runs of a training from one checkpoint",
            "--set checkpoint=FILE with it, or leave it out",
        )
    if 0 < spec.total < spec.steps:
        raise BadInput(
            f"--set total={spec.total}",
            f"is less than one run's {spec.steps} steps",
            f"{spec.steps} or more",
        )
    if spec.unit == "example" and spec.records != 1:
        raise BadInput(f"--set records={spec.records}", "are a user's", "--set unit=user")
    if spec.unit == "user" and spec.mode == "ghost":
        raise BadInput(
            "--set unit=user",
            "Opacus' ghost clipping knows the norms of examples only",
            "--set mode=book-keeping or mode=explicit",
        )
    if spec.physical < spec.records:
        raise BadInput(
            f"--set physical={spec.physical}",
            f"cannot hold a user's {spec.records} records",
            f"{spec.records} or more",
        )
