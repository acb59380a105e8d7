"""Conflicts between settings, and of settings with the data: refused before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench_workloads.dpsgd.spec import Spec

_OF_PRIVACY = ("clip", "noise", "epsilon", "delta", "accountant")


def check_settings(spec: Spec, texts: Mapping[str, str]) -> None:
    """Raises BadInput for conflicting settings. `texts`: the user's settings."""
    _check_privacy(spec, texts)
    _check_batch(spec)
    _check_steps(spec, texts)
    _check_units(spec)


def _check_privacy(spec: Spec, texts: Mapping[str, str]) -> None:
    if not spec.private:
        if useless := [key for key in _OF_PRIVACY if key in texts]:
            raise BadInput(
                f"--set {', '.join(useless)}",
                "mode=plain has no privacy to set",
                "leave it out, or give it to the private variant alone: --variant "
                f"mode=book-keeping,{useless[0]}={texts[useless[0]]}",
            )
        return
    if spec.epsilon is not None and "noise" in texts:
        raise BadInput("--set epsilon, noise", "either sets the noise", "leave one of them out")
    if spec.noise == 0:
        raise BadInput(
            "--set noise=0",
            "without noise there is no privacy: ε is infinite",
            "--set mode=plain for the baseline, or noise above 0",
        )
    if spec.norm == "batch":
        raise BadInput(
            "--set norm=batch",
            "BatchNorm mixes the examples of a batch: none has a gradient of its own to clip",
            "--set norm=group, or mode=plain",
        )


def _check_batch(spec: Spec) -> None:
    if spec.batch > spec.examples:
        what = (
            f"is more than the {spec.examples} units that there are: a sampling rate of "
            f"{spec.rate:.3g} is over 1"
        )
        raise BadInput(f"--set batch={spec.batch}", what, f"at most {spec.examples}")


def _check_steps(spec: Spec, texts: Mapping[str, str]) -> None:
    """Steps of one run, steps of all runs from a checkpoint, and a goal in place of steps."""
    if spec.epsilon is not None and spec.checkpoint and "total" not in texts:
        raise BadInput(
            f"--set epsilon={spec.epsilon:g}, checkpoint",
            "the noise depends on the steps of all runs together",
            "--set total=N, the steps of all runs",
        )
    if spec.accuracy and spec.checkpoint:
        raise BadInput(
            "--set accuracy, checkpoint",
            "do not go together: the work to a goal that a later run reaches belongs to no single "
            "run",
            "--set steps=N every=N",
        )
    if spec.accuracy and not spec.every:
        raise BadInput("--set every=0", "the accuracy is never evaluated", "--set every=10")
    if spec.total and not spec.checkpoint:
        raise BadInput(
            f"--set total={spec.total}",
            "counts the steps of all runs of a training from one checkpoint",
            "--set checkpoint=FILE with it, or leave it out",
        )
    if 0 < spec.total < spec.steps:
        raise BadInput(
            f"--set total={spec.total}",
            f"is less than one run's {spec.steps} steps",
            f"{spec.steps} or more",
        )


def _check_units(spec: Spec) -> None:
    if spec.unit == "example" and spec.records != 1:
        raise BadInput(
            f"--set records={spec.records}",
            "is the number of a user's records, and the unit is one example",
            "--set unit=user",
        )
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


def check_data(spec: Spec) -> None:
    """Raises BadInput for data unsuited to the network or to the unit of privacy."""
    network, where = spec.size.network, f"--set data={spec.data}"
    if network == "text" and spec.data != "text":
        raise BadInput(
            where,
            "does not suit this size, which trains on text made from the seed",
            "leave it out, or use a size of images: smoke, conv2, conv6 or wrn16-4",
        )
    if network == "text" and spec.norm == "batch":
        raise BadInput(
            "--set norm=batch",
            "the transformer has LayerNorm alone",
            "leave it out, or use a size of images",
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
