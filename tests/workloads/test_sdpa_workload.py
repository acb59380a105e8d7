"""The workload sdpa: its work and fingerprints are as promised, and a wrong result fails."""

from __future__ import annotations

import contextlib

import pytest
import torch

from energybench.errors import BadInput
from energybench.model import Work
from energybench_workloads.sdpa import Sdpa

SMALL = {
    "batch": "2",
    "seq": "64",
    "heads": "4",
    "head_dim": "16",
    "iterations": "3",
    "threads": "1",
}


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def solved(**settings: str) -> tuple[Sdpa, Work]:
    workload = Sdpa()
    workload.setup("smoke", "cpu", region, {**SMALL, **settings})
    return workload, workload.run(region)


def failed(workload: Sdpa) -> set[str]:
    return {check.quantity for check in workload.verify() if not check.passed}


def test_work_is_tokens() -> None:
    _, work = solved(causal="false")
    assert (work.amount, work.unit, work.precision) == (2 * 64 * 3, "token", "equal-precision")
    assert work.flops == 3 * 4 * 2 * 4 * 64**2 * 16
    assert work.bytes == 3 * 4 * 2 * 4 * 64 * 16 * 4


def test_backends_do_the_same_work() -> None:
    backends = ("eager", "math", "flash", "fused")
    assert len({solved(backend=backend)[1].fingerprint for backend in backends}) == 1


def test_fingerprint_follows_the_problem() -> None:
    problems: list[dict[str, str]] = [
        {},
        {"causal": "false"},
        {"mode": "training"},
        {"dtype": "bf16"},
        {"seed": "2"},
        {"seq": "65"},
        {"heads": "2"},
        {"iterations": "4"},
    ]
    fingerprints = {solved(**problem)[1].fingerprint for problem in problems}
    assert len(fingerprints) == len(problems)
    assert solved()[1].fingerprint == solved(threads="2")[1].fingerprint


def test_gradients_do_not_add_up_over_iterations() -> None:
    """Gradients of three iterations equal the gradients of one; a forgotten zero_grad would add
    them up.
    """
    three, once = solved(mode="training")[0], solved(mode="training", iterations="1")[0]
    for name in ("dQ", "dK", "dV"):
        torch.testing.assert_close(three._results[name], once._results[name])


@pytest.mark.parametrize("name", ["output", "dQ", "dK", "dV"])
def test_one_wrong_element_fails(name: str) -> None:
    """In a compared pair, an error of one percent of the largest value is enough."""
    workload, _ = solved(mode="training")
    result = workload._results[name]
    result[1, 3, 20, 5] += 0.01 * float(result.abs().max())
    assert f"{name} against float64" in failed(workload)


def test_the_missing_mask_and_the_missing_scale_fail() -> None:
    workload, _ = solved(causal="true", backend="math")
    workload._results = solved(causal="false", backend="math")[0]._results
    assert failed(workload) == {"output against float64"}
    workload, _ = solved(backend="math")
    q, k, v = workload._inputs
    workload._inputs = (q * 4, k, v)  # as if the outputs had been computed without 1 / √16
    assert failed(workload) == {"output against float64"}


def test_an_error_outside_the_compared_pairs_fails_too() -> None:
    workload, _ = solved()
    workload._results["output"][0, 1, 3, 3] = torch.nan
    assert "elements not finite" in failed(workload)
    workload, _ = solved()
    workload._results["output"][0, 1, 3, 3] = 100
    assert failed(workload) == {"output outside the range of V"}


def test_a_nan_in_the_result_is_recorded_as_none() -> None:
    workload, _ = solved()
    workload._results["output"][0, 0, 3, 3] = torch.nan
    values = {check.quantity: check.value for check in workload.verify()}
    assert values["output against float64"] is None
    assert values["elements not finite"] == 1


def test_cpu_has_no_transfer_region() -> None:
    labels: list[str] = []

    def noted(label: str) -> contextlib.AbstractContextManager[None]:
        labels.append(label)
        return contextlib.nullcontext()

    workload = Sdpa()
    workload.setup("smoke", "cpu", noted, SMALL)
    workload.run(noted)
    assert labels == []


@pytest.mark.parametrize(
    "settings",
    [
        {"backend": "magic"},
        {"dtype": "fp8"},
        {"causal": "yes"},
        {"seq": "0"},
        {"head_dim": "x"},
        {"dropout": "0.1"},
    ],
)
def test_wrong_settings(settings: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(settings))):
        Sdpa().setup("smoke", "cpu", region, settings)


def test_scores_that_do_not_fit_are_refused_for_eager_and_not_for_fused() -> None:
    """2^20 tokens: eager would write terabytes of scores."""
    with pytest.raises(BadInput, match="GiB on host"):
        Sdpa().setup(
            "smoke",
            "cpu",
            region,
            {"backend": "eager", "seq": "1048576", "heads": "1", "batch": "1", "head_dim": "8"},
        )


def test_settings_show_size_and_overrides() -> None:
    settings = solved(seq="65", threads="1")[0].settings()
    assert (settings["seq"], settings["heads"], settings["threads"], settings["backend"]) == (
        65,
        4,
        1,
        "fused",
    )
