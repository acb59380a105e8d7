"""The checkpoint of a training: the file's content, and whether a run can go on from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from energybench.errors import BadInput
from energybench_workloads.deepcam.options import Options
from energybench_workloads.trainings import CheckpointFile

if TYPE_CHECKING:
    import torch

Weights = dict[str, "torch.Tensor"]


class State(NamedTuple):
    """A training after a number of steps.

    trained_by: name of the optimiser; inputs: digest of the samples; losses: since the first step;
    network, optimiser: state dictionaries of torch.
    """

    step: int
    trained_by: str
    inputs: str
    losses: tuple[float, ...]
    network: Weights
    optimiser: dict[str, Any]


def load(path: str) -> State:
    import torch

    return _state(torch.load(path, map_location="cpu", weights_only=True))


def save(state: State, path: str, file: CheckpointFile, replace: bool) -> None:
    """Write a draft beside the checkpoint; a complete draft replaces the checkpoint.

    Without `replace` the draft is removed and the checkpoint stays: a rehearsal of a run writes as
    much as the run.
    """
    import torch

    content = {
        "step": state.step,
        "trained by": state.trained_by,
        "inputs": state.inputs,
        "losses": state.losses,
        "network": state.network,
        "optimiser": state.optimiser,
    }
    draft = Path(path + ".part")
    torch.save(content, draft)
    if replace:
        file.replace(draft)
    else:
        draft.unlink()


def steps_trained(path: str, options: Options, inputs: str) -> int:
    """Steps of training behind a checkpoint that this run can begin from.

    Raises BadInput if the file is not a checkpoint, or belongs to another problem.
    """
    import torch

    where = f"--set checkpoint={path}"
    try:
        state = _state(torch.load(path, map_location="cpu", weights_only=True, mmap=True))
    except Exception as error:
        raise BadInput(
            where, "is not a checkpoint of deepcam", "another path, or remove the file"
        ) from error
    if options.training and state.inputs != inputs:
        raise BadInput(
            where,
            "was trained on other samples (size, seed, samples, data)",
            "the settings that the training was begun with, or another path",
        )
    if options.training and state.trained_by != options.optimiser:
        raise BadInput(
            where,
            f"was trained with {state.trained_by}; {options.optimiser} cannot go on with the "
            f"moments of {state.trained_by}",
            f"--set optimiser={state.trained_by}, or another path",
        )
    return state.step


def _state(content: dict[str, Any]) -> State:
    return State(
        step=int(content["step"]),
        trained_by=content["trained by"],
        inputs=content["inputs"],
        losses=tuple(content["losses"]),
        network=content["network"],
        optimiser=content["optimiser"],
    )
