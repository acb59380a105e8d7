"""The workload decoder: the same work by both attentions, judged by float64; what public scripts
got wrong would not pass.
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


def made(**settings: str) -> Decoder:
    workload = Decoder()
    workload.setup("smoke", "cpu", region, {"threads": "1", **settings})
    return workload


def solved(**settings: str) -> Decoder:
    workload = made(**settings)
    workload.run(region)
    return workload


def failed(workload: Decoder) -> set[str]:
    return {check.quantity for check in workload.verify() if not check.passed}


@pytest.mark.parametrize("padding", ["0", "0.5"])
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("model", HAVE_SDPA)
def test_both_attentions_do_the_same_work_and_pass(model: str, mode: str, padding: str) -> None:
    """Generated tokens and logits, or loss and gradients, against float64; one fingerprint."""
    pair = [
        solved(model=model, mode=mode, padding=padding, attention=attention)
        for attention in ("eager", "sdpa")
    ]
    assert [failed(workload) for workload in pair] == [set(), set()]
    assert len({workload.run(region).fingerprint for workload in pair}) == 1


def test_a_model_without_sdpa_is_not_here() -> None:
    """transformers has none for GPT-Neo; its eager attention runs and passes."""
    with pytest.raises(NotHere, match="no sdpa attention for gpt_neo"):
        made(model="gpt-neo-2.7b", attention="sdpa")
    assert failed(solved(model="gpt-neo-2.7b", attention="eager")) == set()


@pytest.mark.parametrize("model", list(MODELS))
def test_cut_down_models_keep_head_dim_and_kind(model: str) -> None:
    """Fewer layers and heads; head dim, rotary dimensions and type stay."""
    small = shape_of(model, SIZES["smoke"])
    assert (small.kind, small.head_dim, small.rotary) == (
        MODELS[model].kind,
        MODELS[model].head_dim,
        MODELS[model].rotary,
    )
    assert shape_of(model, SIZES["full"]) == MODELS[model]


@pytest.mark.parametrize("model", list(MODELS))
def test_nothing_drops_out(model: str) -> None:
    """What is validated is what is timed: no dropout in training either."""
    import transformers

    told = config(transformers, shape_of(model, SIZES["smoke"]), 64).to_dict()
    dropping = {
        key: value
        for key, value in told.items()
        if ("drop" in key or key.endswith("pdrop")) and value
    }
    assert dropping.keys() <= {
        "classifier_dropout",
        "summary_first_dropout",
    }  # of heads that no decoder has
    workload = made(model=model, mode="training", attention="eager")
    assert workload._model.training
    losses = {float(workload._step()) for _ in range(3)}
    assert len(losses) == 1


def test_gradients_are_those_of_one_step() -> None:
    """What a forgotten zero_grad would do: after three steps they are as after one."""
    once, thrice = solved(mode="training"), solved(mode="training")
    thrice.run(region)
    thrice.run(region)
    assert failed(thrice) == set()
    for mine, other in zip(once._model.parameters(), thrice._model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)
    thrice._model.lm_head.weight.grad += once._model.lm_head.weight.grad
    assert "gradients against float64" in failed(thrice)


def test_a_wrong_mask_fails() -> None:
    """Tokens and logits of a model that sees the padding."""
    workload = solved(padding="0.5", attention="eager")
    assert workload._batch is not None
    batch = workload._batch
    workload._batch = batch._replace(mask=torch.ones_like(batch.mask))
    workload.run(region)
    workload._batch = batch
    assert failed(workload) == {"greedy tokens against float64"}
    workload = made(padding="0.5", attention="eager", mode="training")
    workload._batch = batch._replace(mask=torch.ones_like(batch.mask))
    workload.run(region)
    workload._batch = batch
    assert {
        "loss against float64",
        "gradients against float64",
        "gradients of attention against float64",
    } <= failed(workload)


def test_a_wrong_token_fails() -> None:
    workload = solved()
    assert workload._result is not None
    workload._result[1, -2] = (workload._result[1, -2] + 1) % 256
    assert failed(workload) == {"greedy tokens against float64"}


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_a_large_model_is_judged_by_its_first_layers(mode: str) -> None:
    """Where a float64 copy would be too large: the same code with the first layers' weights, on the
    first and the last sequence.
    """
    workload = made(mode=mode, batch="3")
    deep = workload._shape._replace(layers=3)
    workload._model = build(deep, workload._places, "sdpa", torch.float32, CPU, 1)
    workload._reference = checks.reference(
        workload._model, deep, workload._places, "sdpa", torch.float32, CPU, every_layer=False
    )
    workload.run(region)
    checked = workload.verify()
    assert all(check.passed for check in checked)
    assert any("first 2 layers" in check.quantity for check in checked)


def test_work_is_tokens_that_are_no_padding() -> None:
    made, trained = solved(padding="0.5"), solved(padding="0.5", mode="training")
    assert (made.run(region).amount, made.run(region).unit) == (2 * 4, "token generated")
    assert (trained.run(region).amount, trained.run(region).unit) == (2 * 16, "token trained on")


def test_memory_of_a_step() -> None:
    """Weights are held; scores written out are in what a step takes; both steps looked at take the
    same.
    """
    eager, sdpa = (
        made(mode="training", attention=attention, prompt="256").memory()
        for attention in ("eager", "sdpa")
    )
    assert eager.extra_bytes.value > sdpa.extra_bytes.value
    assert (
        eager.peak_bytes.value - eager.extra_bytes.value
        == sdpa.peak_bytes.value - sdpa.extra_bytes.value
        > 0
    )
    assert math.isclose(eager.extra_bytes.low, eager.extra_bytes.high, rel_tol=0.05)


def test_what_does_not_fit_is_foretold() -> None:
    with pytest.raises(DoesNotFit, match="GiB on host"):
        made(prompt="1000000", mode="training", attention="eager")


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
        made(**settings)
