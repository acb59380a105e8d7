"""The studies: the cost of privacy at equal steps, the cost at equal accuracy, and energy, ε and
accuracy by batch size and clipping mode.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from energybench.errors import BadInput
from energybench.model import Axes, Cell, Scalar, StudyPlan, Variant
from energybench.units import counted, whole_number
from energybench_workloads.dpsgd.spec import MODES, PLAIN_LR, PRIVATE_LR, SIZES, read
from energybench_workloads.dpsgd.statement import GUESSED, terms
from energybench_workloads.grids import Lists

STUDIES: Mapping[str, str] = {
    "cost": (
        "what privacy costs in joules at equal steps: networks x batch, every clipping mode "
        "against plain SGD"
    ),
    "accuracy": "what privacy costs in joules at equal accuracy: goals x noise, against plain SGD",
    "batch": (
        "how energy, ε and accuracy move with batch size and clipping mode, over the same number "
        "of passes"
    ),
}
_SHARED = (
    "data",
    "seed",
    "threads",
    "clip",
    "delta",
    "accountant",
    "lr",
    "momentum",
    "physical",
    "unit",
    "records",
    "examples",
    "held",
    "sampling",
)
_PRIVATE = ("clip", "delta", "accountant", "noise")
# Steps between two evaluations of the accuracy, and the most steps of a side, for which ε is stated
_EVERY, _MOST = 5, 200


def plan(study: str, settings: Mapping[str, str]) -> StudyPlan:
    """The study, its grid narrowed or widened by the settings. Raises BadInput."""
    seed = settings.get("seed", "")
    number = whole_number(seed)  # None: no number, or a longer one
    if seed.isdecimal() and (number is None or number >= GUESSED):
        raise BadInput(
            "--set seed",
            "a study stores its plan, and the seed with it: no place for a secret seed",
            "a seed below 2³²; for weights to release, `energybench run dpsgd`",
        )
    grid = _PLANS[study](settings)
    specs = (read(cell.size, variant.settings) for cell in grid.cells for variant in cell.variants)
    privacy_terms = dict.fromkeys(terms(spec) for spec in specs if spec.private)
    return replace(grid, notes=(*grid.notes, *privacy_terms))


def _cost(settings: Mapping[str, str]) -> StudyPlan:
    lists = Lists(settings, ("network", "batch", "mode", "steps", "noise", *_SHARED))
    networks = lists.choices("network", ("conv2", "conv6"), tuple(SIZES))
    batches, modes = lists.wholes("batch", (256,), 1, 10**6), _modes(lists, MODES)
    (steps,) = lists.wholes("steps", (2,), 1, 10**6)[:1]
    (noise,) = lists.numbers("noise", (1.1,), 1e-3, 1e3)[:1]
    fixed = {"steps": steps, "noise": noise}
    cells = [
        _cell(
            f"{network} batch {batch}",
            {"network": network, "batch": batch},
            network,
            modes,
            {"batch": batch, **fixed},
            settings,
            float(batch),
        )
        for network, batch in itertools.product(networks, batches)
    ]
    return StudyPlan(
        name="cost",
        title="privacy at equal steps",
        about="DP-SGD by each clipping mode against plain SGD: the same network, the same drawn "
        "examples, the same steps.",
        settings=_settings(
            settings, network=networks, batch=batches, mode=modes, steps=(steps,), noise=(noise,)
        ),
        cells=tuple(cells),
        axes=Axes(x="batch", y="network", panels=()),
        curves=("epsilon",),
        notes=(
            "A step is one of the optimiser's, of `batch` examples; Poisson sampling draws more or "
            "fewer, the same ones for all modes.",
        ),
    )


def _accuracy(settings: Mapping[str, str]) -> StudyPlan:
    lists = Lists(
        settings, ("network", "accuracy", "noise", "batch", "mode", "every", "steps", *_SHARED)
    )
    (network,) = lists.choices("network", ("conv2",), tuple(SIZES))[:1]
    goals = lists.shares("accuracy", (0.8, 0.9))
    noises = lists.numbers("noise", (0.7, 1.1), 1e-3, 1e3)
    modes = _modes(lists, ("plain", "book-keeping"))
    (batch,) = lists.wholes("batch", (SIZES[network].batch,), 1, 10**6)[:1]
    (every,) = lists.wholes("every", (_EVERY,), 1, 10**6)[:1]
    (most,) = lists.wholes("steps", (_MOST,), 1, 10**6)[:1]
    fixed = {"batch": batch, "every": every, "steps": most}
    cells = [
        _cell(
            f"to {goal:g} at noise {noise:g}",
            {"accuracy": goal, "noise": noise},
            network,
            modes,
            {"accuracy": goal, "noise": noise, **fixed},
            settings,
            1.0,
        )
        for goal, noise in itertools.product(goals, noises)
    ]
    rates = f"each side's default, plain {PLAIN_LR:g} and private {PRIVATE_LR:g}"
    if "lr" in settings:
        rates = f"{settings['lr']} on both sides"
    return StudyPlan(
        name="accuracy",
        title="privacy at equal accuracy",
        about="Training until the held-out examples are found so often: DP-SGD against plain SGD, "
        "each in as many steps as it needs.",
        settings=_settings(
            settings,
            network=(network,),
            accuracy=goals,
            noise=noises,
            batch=(batch,),
            mode=modes,
            every=(every,),
            steps=(most,),
        ),
        cells=tuple(cells),
        axes=Axes(x="accuracy", y="noise", panels=()),
        curves=("epsilon", "steps"),
        step_name="training",
        notes=(
            f"The accuracy is evaluated every {every} steps; evaluation is part of the work, on "
            "both sides alike.",
            f"ε is that of the {most} steps that a side may take at most: when it stops depends on "
            "its weights, so the ε of the steps it took is no guarantee.",
            f"A side that does not reach the goal within {counted(most, 'step')} fails its check "
            "and enters "
            "no ratio.",
            f"Learning rates: {rates}. A goal that is easy for one side's rate and not for the "
            "other's says more of the rates than of privacy.",
        ),
    )


def _batch(settings: Mapping[str, str]) -> StudyPlan:
    lists = Lists(settings, ("network", "batch", "noise", "mode", "passes", *_SHARED))
    (network,) = lists.choices("network", ("conv2",), tuple(SIZES))[:1]
    batches = lists.wholes("batch", (64, 128, 256, 512), 1, 10**6)
    noises = lists.numbers("noise", (1.1,), 1e-3, 1e3)
    (passes,) = lists.wholes("passes", (3,), 1, 10**4)[:1]
    modes = _modes(lists, MODES)
    examples = 0  # a wrong number is refused by the settings of a cell
    if "examples" not in settings:
        examples = SIZES[network].examples
    elif (stated := whole_number(settings["examples"])) is not None:
        examples = stated
    cells = []
    for noise, batch in itertools.product(noises, batches):
        at: dict[str, Scalar] = {"batch": batch, "noise": noise}
        steps = max(1, round(passes * examples / batch))
        cells.append(
            _cell(
                f"batch {batch} noise {noise:g}",
                at,
                network,
                modes,
                {"batch": batch, "noise": noise, "steps": steps},
                settings,
                float(steps * batch),
            )
        )
    return StudyPlan(
        name="batch",
        title="privacy by batch and clipping",
        about=f"Training over {passes} pass{'es' * (passes > 1)}: energy, ε and held-out accuracy "
        "by batch size, for each clipping mode and plain SGD.",
        settings=_settings(
            settings, network=(network,), batch=batches, noise=noises, mode=modes, passes=(passes,)
        ),
        cells=tuple(cells),
        axes=Axes(x="batch", y="noise", panels=()),
        curves=("epsilon", "held-out accuracy"),
        step_name="training",
        notes=(
            "Learning rates are the same at every batch size: accuracy at a rate tuned for each "
            "would be higher, and is another study.",
        ),
    )


_PLANS: Mapping[str, Callable[[Mapping[str, str]], StudyPlan]] = {
    "cost": _cost,
    "accuracy": _accuracy,
    "batch": _batch,
}


def _modes(lists: Lists, default: Sequence[str]) -> tuple[str, ...]:
    """Plain SGD first, as the baseline, then the private modes.

    Raises BadInput if there are no private modes.
    """
    private = tuple(mode for mode in lists.choices("mode", default, MODES) if mode != "plain")
    if not private:
        raise BadInput(
            "--set mode=plain",
            "leaves nothing to compare plain SGD with",
            f"some of {', '.join(MODES[1:])}",
        )
    return ("plain", *private)


def _cell(
    key: str,
    at: Mapping[str, Scalar],
    network: str,
    modes: Sequence[str],
    of_cell: Mapping[str, object],
    settings: Mapping[str, str],
    step_amount: float,
) -> Cell:
    """A cell with a variant for every mode. Raises BadInput if the settings of a variant conflict.

    of_cell   settings of this cell, beside the shared ones among the user's `settings`
    """
    shared = {name: settings[name] for name in _SHARED if name in settings}
    common = {**shared, **{name: str(value) for name, value in of_cell.items()}}
    if "physical" not in common:
        records = int(common.get("records", "4") if common.get("unit") == "user" else "1")
        physical = min(int(common["batch"]), max(SIZES[network].physical, records))
        common["physical"] = str(physical)
    variants = []
    for mode in modes:
        chosen = {
            name: value for name, value in common.items() if mode != "plain" or name not in _PRIVATE
        } | {"mode": mode}
        try:
            read(network, chosen)
        except BadInput as error:
            raise BadInput(f"{key}, {mode}: {error.where}", error.what, error.remedy) from None
        variants.append(Variant(name=mode, settings=chosen))
    return Cell(
        key=key,
        at=dict(at),
        workload="dpsgd",
        size=network,
        variants=tuple(variants),
        step_amount=step_amount,
    )


def _settings(settings: Mapping[str, str], **grid: Sequence[object]) -> dict[str, Scalar]:
    """The user's shared settings and the lists of the grid, for the record."""
    return {
        **{name: settings[name] for name in _SHARED if name in settings},
        **{name: ",".join(map(str, values)) for name, values in grid.items()},
    }
