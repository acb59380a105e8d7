"""The workload decoder: equal work by both attentions, judged by float64; known mistakes of public
scripts would not pass.
"""

from __future__ import annotations

import contextlib
import math

import pytest
import torch

from energybench.errors import BadInput, DoesNotFit, NotHere
from energybench_workloads.decoder import Decoder, checks
from energybench_workloads.decoder.model import build
from energybench_workloads.decoder.shapes import MODELS, SIZES, config, shape_of

pytest.importorskip("transformers")
HAVE_SDPA = [name for name in MODELS if name != "gpt-neo-2.7b"]
CPU = torch.device("cpu")


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def decoder(**settings: str) -> Decoder:
    workload = Decoder()
    workload.setup("smoke", "cpu", region, {"threads": "1", **settings})
    return workload


def stepped(**settings: str) -> Decoder:
    workload = decoder(**settings)
    workload.run(region)
    return workload


def failed(workload: Decoder) -> set[str]:
    return {check.quantity for check in workload.verify() if not check.passed}


@pytest.mark.parametrize("padding", ["0", "0.5"])
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("model", HAVE_SDPA)
def test_both_attentions_do_the_same_work_and_pass(model: str, mode: str, padding: str) -> None:
    """Generated tokens and logits, or loss and gradients, pass against float64; the fingerprints
    are equal.
    """
    pair = [
        stepped(model=model, mode=mode, padding=padding, attention=attention)
        for attention in ("eager", "sdpa")
    ]
    assert [failed(workload) for workload in pair] == [set(), set()]
    assert len({workload.run(region).fingerprint for workload in pair}) == 1


def test_a_model_without_sdpa_is_reported_as_absent() -> None:
    """transformers has no sdpa for GPT-Neo; GPT-Neo's eager attention runs and passes."""
    with pytest.raises(NotHere, match="no sdpa attention for gpt_neo"):
        decoder(model="gpt-neo-2.7b", attention="sdpa")
    assert failed(stepped(model="gpt-neo-2.7b", attention="eager")) == set()


@pytest.mark.parametrize("model", list(MODELS))
def test_cut_down_models_keep_head_dim_and_kind(model: str) -> None:
    """A smaller model has fewer layers and heads; head dim, rotary dimensions and type stay."""
    small = shape_of(model, SIZES["smoke"])
    assert (small.kind, small.head_dim, small.rotary) == (
        MODELS[model].kind,
        MODELS[model].head_dim,
        MODELS[model].rotary,
    )
    assert shape_of(model, SIZES["full"]) == MODELS[model]


@pytest.mark.parametrize("model", list(MODELS))
def test_no_model_has_dropout(model: str) -> None:
    """The timed model is the validated model: training has no dropout either."""
    import transformers

    options = config(transformers, shape_of(model, SIZES["smoke"]), 64).to_dict()
    dropping = {
        key: value
        for key, value in options.items()
        if ("drop" in key or key.endswith("pdrop")) and value
    }
    # Dropout of heads that a decoder lacks
    assert dropping.keys() <= {"classifier_dropout", "summary_first_dropout"}
    workload = decoder(model=model, mode="training", attention="eager")
    assert workload._model.training
    losses = {float(workload._step()) for _ in range(3)}
    assert len(losses) == 1


def test_gradients_are_those_of_one_step() -> None:
    """Gradients after three steps equal the gradients after one step; a forgotten zero_grad would
    add them up.
    """
    once, thrice = stepped(mode="training"), stepped(mode="training")
    thrice.run(region)
    thrice.run(region)
    assert failed(thrice) == set()
    for first, other in zip(once._model.parameters(), thrice._model.parameters(), strict=True):
        torch.testing.assert_close(first.grad, other.grad)
    thrice._model.lm_head.weight.grad += once._model.lm_head.weight.grad
    assert "gradients against float64" in failed(thrice)


def test_a_wrong_mask_fails() -> None:
    """Tokens and logits of a model that attends to padding fail."""
    workload = stepped(padding="0.5", attention="eager")
    assert workload._batch is not None
    batch = workload._batch
    workload._batch = batch._replace(mask=torch.ones_like(batch.mask))
    workload.run(region)
    workload._batch = batch
    assert failed(workload) == {"greedy tokens against float64"}
    workload = decoder(padding="0.5", attention="eager", mode="training")
    workload._batch = batch._replace(mask=torch.ones_like(batch.mask))
    workload.run(region)
    workload._batch = batch
    assert {
        "loss against float64",
        "gradients against float64",
        "gradients of attention against float64",
    } <= failed(workload)


def test_a_wrong_token_fails() -> None:
    workload = stepped()
    assert workload._result is not None
    workload._result[1, -2] = (workload._result[1, -2] + 1) % 256
    assert failed(workload) == {"greedy tokens against float64"}


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_a_large_model_is_judged_by_its_first_layers(mode: str) -> None:
    """If a float64 copy would be too large, the first layers are compared on the first and the last
    sequence.
    """
    workload = decoder(mode=mode, batch="3")
    deep = workload._shape._replace(layers=3)
    workload._model = build(deep, workload._places, "sdpa", torch.float32, CPU, 1)
    workload._reference = checks.reference(
        workload._model, deep, workload._places, "sdpa", torch.float32, CPU, every_layer=False
    )
    workload.run(region)
    checked = workload.verify()
    assert all(check.passed for check in checked)
    assert any("first 2 layers" in check.quantity for check in checked)


def test_work_counts_tokens_without_padding() -> None:
    inference = stepped(padding="0.5").run(region)
    training = stepped(padding="0.5", mode="training").run(region)
    assert (inference.amount, inference.unit) == (2 * 4, "token generated")
    assert (training.amount, training.unit) == (2 * 16, "token trained on")


def test_memory_of_a_step() -> None:
    """Weights count as present before the step, scores of eager attention as memory of the step;
    the counted steps take equal memory.
    """
    eager, sdpa = (
        decoder(mode="training", attention=attention, prompt="256").memory()
        for attention in ("eager", "sdpa")
    )
    assert eager.extra_bytes.value > sdpa.extra_bytes.value
    assert (
        eager.peak_bytes.value - eager.extra_bytes.value
        == sdpa.peak_bytes.value - sdpa.extra_bytes.value
        > 0
    )
    assert math.isclose(eager.extra_bytes.low, eager.extra_bytes.high, rel_tol=0.05)


def test_a_model_that_does_not_fit_is_refused_before_it_is_built() -> None:
    with pytest.raises(DoesNotFit, match="GiB on host"):
        decoder(prompt="1000000", mode="training", attention="eager")


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "gpt-5"},
        {"padding": "1"},
        {"attention": "flash"},
        {"dtype": "fp8"},
        {"prompt": "2"},
    ],
)
def test_wrong_settings(settings: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(settings))):
        decoder(**settings)
