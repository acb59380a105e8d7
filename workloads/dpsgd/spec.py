"""The specification of a run: the preset of a size, overridden by the user's settings.

Imports no torch: wrong settings are refused at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from energybench_workloads.dpsgd.conflicts import check_data, check_settings
from energybench_workloads.settings import Settings
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
    """A size: the network, the data, and the length of training.

    examples  number of units in training
    held      number of held-out examples
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
    """Every setting in force.

    total     steps of all runs from a checkpoint; 0 for no limit
    accuracy  goal that ends a run; 0 for a fixed number of steps
    batch     expected number of units
    physical  number of examples on the device at once
    noise     multiplier σ; None in plain mode, and until computed from `epsilon`
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
        """Number of steps from which the noise is computed."""
        return self.total or self.steps

    def guaranteed(self, taken: int) -> int:
        """Number of steps for which ε is stated, after `taken` steps. A run to an accuracy stops
        depending on the accuracy, and so on the weights: only the ε of the most steps allowed is a
        guarantee (Rogers et al., Privacy odometers and filters, arXiv:1605.08294).
        """
        return self.steps if self.accuracy else taken

    @property
    def rate(self) -> float:
        """Sampling rate q: the probability that a unit is in a batch."""
        return self.batch / self.examples

    def exposures(self, steps: int) -> tuple[float, int]:
        """(sampling rate, number of compositions) of `steps` steps.

        Shuffled batches are not samples: a unit is used once in a pass, without amplification.
        """
        if self.sampling == "poisson":
            return self.rate, steps
        return 1.0, -(-steps // (self.examples // self.batch))


def sealed(seed: int) -> int | str:
    """The seed for a fingerprint: equal seeds give equal values, and finding the seed by trying
    all seeds below 2³² takes years (scrypt, RFC 7914, with its parameters for interactive use).
    """
    if seed == DEFAULT_SEED:
        return seed
    words = str(seed).encode(), b"energybench dpsgd seed"
    return hashlib.scrypt(words[0], salt=words[1], n=2**14, r=8, p=1, dklen=16).hex()


def read(size: str, texts: Mapping[str, str]) -> Spec:
    """The preset of the size, overridden by the user's settings. Raises BadInput."""
    s, preset = Settings(texts, SETTINGS), SIZES[size]

    # Settings that other settings' defaults depend on
    mode = s.choice("mode", "book-keeping", MODES)
    private, accuracy = mode != "plain", s.number("accuracy", 0.0, 0.0, 1.0)
    unit = s.choice("unit", "example", ("example", "user"))
    epsilon = s.number("epsilon", 0.0, 1e-6, 1e6) if "epsilon" in texts else None
    noise = s.number("noise", 1.1, 0.0, 1e4) if private and epsilon is None else None
    data = preset.data
    if unit == "user" and data == "digits":
        data = "synthetic"  # the digits do not say who wrote which digit

    spec = Spec(
        size=preset,
        mode=mode,
        steps=s.whole("steps", MOST_STEPS if accuracy else preset.steps, 1, 10**9),
        total=s.whole("total", 0, 1, 10**9),
        accuracy=accuracy,
        every=s.whole("every", 10 if accuracy else 0, 0, 10**9),
        batch=s.whole("batch", preset.batch, 1, 10**9),
        physical=s.whole("physical", preset.physical, 1, 10**6),
        sampling=s.choice("sampling", "poisson", ("poisson", "shuffle")),
        unit=unit,
        records=s.whole("records", 4 if unit == "user" else 1, 1, 1024),
        clip=s.number("clip", 1.0, 1e-6, 1e6),
        noise=noise,
        epsilon=epsilon,
        delta=s.number("delta", 1e-5, 1e-12, 0.5),
        accountant=s.choice("accountant", "pld", ("pld", "rdp")),
        lr=s.number("lr", PRIVATE_LR if private else PLAIN_LR, 1e-8, 1e3),
        momentum=s.number("momentum", 0.5, 0.0, 0.999),
        norm=s.choice("norm", "group", ("group", "batch")),
        data=texts.get("data", "") or data,
        examples=s.whole("examples", preset.examples, 1, 10**8),
        held=s.whole("held", preset.held, 1, 10**7),
        seed=s.whole("seed", DEFAULT_SEED, 0, 2**62),
        threads=s.threads(),
        regions=s.flag("regions", True),
        checkpoint=texts.get("checkpoint", ""),
    )
    check_settings(spec, texts)
    check_data(spec)
    check_checkpoint(spec.checkpoint)
    return spec
