"""sdpa's studies: grids, absent backends, claims; a few cells measured in real processes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch

from energybench.errors import BadInput, DoesNotFit
from energybench.model import StudyPlan
from energybench.plugins import CountsMemory, OffersStudies
from energybench_workloads.memory import fits
from energybench_workloads.sdpa import Sdpa
from energybench_workloads.sdpa.backends import attention
from energybench_workloads.sdpa.checks import against_reference
from energybench_workloads.sdpa.kernel_study import WHOLE
from tests.cli.process import energybench

CPU = torch.device("cpu")


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def plan(study: str = "kernel", **settings: str) -> StudyPlan:
    return Sdpa().plan(study, "cpu", settings)


def test_sdpa_offers_studies_and_counts_memory() -> None:
    assert isinstance(Sdpa(), OffersStudies)
    assert isinstance(Sdpa(), CountsMemory)
    assert set(Sdpa().studies) == {"kernel", "model"}


# ---------------------------------------------------------------- mistakes of public scripts, not
# repeated


def test_head_dim_8_is_there() -> None:
    """The published figures include head dim 8; the public script's grid leaves it out."""
    assert 8 in WHOLE["head_dim"]
    assert any(cell.at["head_dim"] == 8 for cell in plan().cells)


def test_a_mask_of_head_dim_by_head_dim_would_fail_the_check() -> None:
    """A mask with L = query.size(-1) fits only if seq = head dim, or is broadcast wrongly; the
    check compares with the definition.
    """
    q, k, v = (
        torch.randn((1, 1, 16, 16), generator=torch.Generator().manual_seed(i)) for i in range(3)
    )
    right = attention("eager", True, 16, torch.float32, CPU)(q, k, v)
    # Added as numbers: 1 for an allowed key, 0 for a later key
    mask = torch.ones(16, 16).tril()
    wrong = torch.softmax(q @ k.transpose(-2, -1) / 4 + mask, -1) @ v
    good, bad = (
        against_reference((q, k, v), {"output": out}, True, 1e-5)[0] for out in (right, wrong)
    )
    assert (good.passed, bad.passed) == (True, False)
    with pytest.raises(RuntimeError):  # d x d for another seq: 64 keys under a mask of 16
        torch.softmax(torch.zeros(1, 1, 64, 64) + mask, -1)


def test_dropout_in_the_timed_run_would_fail_the_check() -> None:
    """The validated result is the timed run's: a result computed with dropout 0.1 fails."""
    workload = Sdpa()
    workload.setup(
        "smoke",
        "cpu",
        region,
        {
            "batch": "1",
            "seq": "64",
            "heads": "1",
            "head_dim": "16",
            "iterations": "1",
            "threads": "1",
            "backend": "math",
        },
    )
    workload.run(region)
    assert all(check.passed for check in workload.verify())
    q, k, v = workload._inputs
    workload._results["output"] = torch.nn.functional.scaled_dot_product_attention(
        q, k, v, dropout_p=0.1, is_causal=True
    )
    assert "output against float64" in {
        check.quantity for check in workload.verify() if not check.passed
    }


def test_gradients_of_a_study_are_those_of_one_step() -> None:
    """Every iteration returns new gradients: ten iterations give the gradients of one."""
    (cell,) = plan(
        mode="training", seq="64", head_dim="16", heads="1", batch="1", backend="flash"
    ).cells
    once, often = Sdpa(), Sdpa()
    for workload, iterations in ((once, "1"), (often, "10")):
        workload.setup(
            "smoke",
            "cpu",
            region,
            {**cell.variants[1].settings, "iterations": iterations, "threads": "1"},
        )
        workload.run(region)
        assert all(check.passed for check in workload.verify())
    torch.testing.assert_close(once._results["dK"], often._results["dK"])


# ---------------------------------------------------------------- grids


def test_lists_narrow_and_widen_the_grid() -> None:
    study = plan(
        batch="1,3",
        seq="32,64",
        head_dim="8",
        heads="2",
        mode="forward",
        causal="true,false",
        backend="flash",
    )
    assert len(study.cells) == 2 * 2 * 2
    assert {(cell.at["batch"], cell.at["seq"]) for cell in study.cells} == {
        (1, 32),
        (1, 64),
        (3, 32),
        (3, 64),
    }
    assert all(
        [variant.name for variant in cell.variants] == ["eager", "flash"] for cell in study.cells
    )
    assert len({cell.key for cell in study.cells}) == len(study.cells)


def test_backends_missing_on_a_cpu_are_listed_with_a_reason() -> None:
    absent = {(entry.variant, entry.where): entry.reason for entry in plan().absent}
    assert "on a CPU" in absent["efficient", ""]
    assert "on a CPU" in absent["cudnn", ""]
    assert "no backward pass" in absent["flex", "training"]


@pytest.mark.parametrize(
    "settings",
    [
        {"seq": "x"},
        {"batch": "0"},
        {"batch": ","},
        {"backend": "magic"},
        {"causal": "maybe"},
        {"sequence": "1"},
    ],
)
def test_wrong_lists(settings: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=f"--set {next(iter(settings))}"):
        plan(**settings)


def test_claims_name_cells_of_the_grid() -> None:
    """The claims (both published points, the fall with the head dim, the memory formula) have
    expectations of existing cells.
    """
    study = plan(
        batch="8",
        seq="1024",
        head_dim="8,32,128",
        heads="12",
        mode="forward",
        causal="false",
        dtype="fp16",
        backend="flash",
    )
    keys = {cell.key for cell in study.cells}
    claims = {claim.name: claim for claim in study.claims}
    assert all(expected.cell in keys for claim in study.claims for expected in claim.expects)
    assert claims["(8, 1024, 32, 12) eager 1.184 ms"].only_on == "A100"
    (point,) = claims["(8, 1024, 32, 12) speedup 3.04"].expects
    assert point.low is not None
    assert point.high is not None
    assert point.low < 1.184 / 0.390 < point.high
    (fall,) = claims["falls with the head dim"].expects
    assert (fall.cell, fall.over) == (
        "forward full fp16 b8 n1024 h12 d8",
        "forward full fp16 b8 n1024 h12 d128",
    )
    ratios = {
        expected.cell: (expected.low, expected.high)
        for expected in claims["memory ratio 2N/d + 1"].expects
    }
    low, high = ratios["forward full fp16 b8 n1024 h12 d32"]
    assert low is not None
    assert high is not None
    assert low < 65 < high


def test_the_model_study_lists_the_cut_models() -> None:
    pytest.importorskip("transformers")
    study = plan("model", model="gpt2-large,gpt-neo-2.7b,gpt-j-6b", padding="0,0.1,0.2,0.5,0.75")
    assert len(study.cells) == 2 * 2 * 5
    assert [entry.where for entry in study.absent] == ["gpt-neo-2.7b"]
    assert any("2 of 36 layers, 4 of 20 heads of 64" in note for note in study.notes)


# ---------------------------------------------------------------- memory


def test_memory_follows_the_formula() -> None:
    """In a head, eager: two matrices of N² and the output Nd; fused: the output, a log-sum-exp for
    every row, and a tile for every thread.
    """
    shape = {
        "batch": "2",
        "seq": "256",
        "heads": "4",
        "head_dim": "64",
        "iterations": "1",
        "threads": "1",
        "causal": "false",
    }
    memory = {}
    for backend in ("eager", "flash"):
        workload = Sdpa()
        workload.setup("smoke", "cpu", region, {**shape, "backend": backend, "resident": "true"})
        memory[backend] = workload.memory()
    heads, n, d = 8, 256, 64
    assert memory["eager"].extra_bytes.value == 4 * heads * (2 * n * n + n * d)
    assert (
        4 * heads * (n * d + n) <= memory["flash"].extra_bytes.value < 2 * 4 * heads * (n * d + n)
    )
    assert (
        memory["eager"].peak_bytes.value - memory["eager"].extra_bytes.value
        == 3 * 4 * heads * n * d
    )


def test_an_allocation_that_fails_does_not_fit() -> None:
    """A real allocation, of a petabyte; an unrelated fault stays a fault."""
    with pytest.raises(DoesNotFit, match="ran out of memory"), fits("sdpa"):
        torch.empty(2**50, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="size"), fits("sdpa"):
        torch.zeros(2) + torch.zeros(3)


# ---------------------------------------------------------------- measured

TINY = (
    "--set",
    "batch=1",
    "--set",
    "heads=2",
    "--set",
    "head_dim=8",
    "--set",
    "threads=1",
    "--set",
    "backend=flash,cudnn",
    "--set",
    "iterations=2",
)
QUICK = ("--idle", "0", "--repeats", "2", "--min-window", "0.01", "--max-warm-up", "1")


def measured(folder: Path, *arguments: str) -> Any:
    ran = energybench("study", "sdpa", "--json", *arguments, *QUICK, cwd=folder, timeout=800)
    assert ran.code == 0, ran.err
    return ran.json


def test_a_few_cells(tmp_path: Path) -> None:
    """Every cell has time, memory, energy, checks and a ratio; head dim 8 is included; the missing
    backend is listed.
    """
    result = measured(
        tmp_path, "kernel", "--set", "seq=64", "--set", "mode=forward,training", *TINY
    )
    assert [cell["cell"]["at"]["head_dim"] for cell in result["cells"]] == [8, 8]
    for cell in result["cells"]:
        assert [run["variant"] for run in cell["runs"]] == ["eager", "flash"]
        names = {check["quantity"].split()[0] for check in cell["runs"][1]["verification"]}
        assert names >= (
            {"output", "dQ", "dK", "dV"} if cell["cell"]["at"]["mode"] == "training" else {"output"}
        )
        (ratio,) = cell["ratios"]
        assert ratio["paired"] == 2
        assert ratio["extra_memory_ratio"]["value"] > 0
        assert ratio["energy_ratio"]["value"] > 0
    assert [entry["variant"] for entry in result["plan"]["absent"]] == ["cudnn"]


def test_a_size_that_cannot_fit_is_a_result(tmp_path: Path) -> None:
    """2^20 tokens need terabytes of scores, in eager and in math.

    The result states the needed and the free memory; the remaining cells are measured.
    """
    sizes = (
        "--set",
        "seq=64,1048576",
        "--set",
        "mode=forward",
        "--set",
        "head_dim=8",
        "--set",
        "batch=1",
        "--set",
        "heads=2",
        "--set",
        "backend=math",
    )
    result = measured(tmp_path, "kernel", *sizes, "--set", "threads=1")
    small, large = result["cells"]
    assert [run["state"] for run in small["runs"]] == ["measured", "measured"]
    assert [run["state"] for run in large["runs"]] == ["does-not-fit", "does-not-fit"]
    assert all("GiB on host" in run["why"] for run in large["runs"])
    assert large["ratios"] == []
