"""The workload milc: work, fingerprints and checks; wrong results fail the checks."""

from __future__ import annotations

import contextlib

import pytest
import torch

from energybench.errors import BadInput
from energybench.model import Verification, Work
from energybench_workloads.milc import Milc, checks, cost
from energybench_workloads.milc.choices import fastest_inner
from energybench_workloads.milc.lattice import SIZES, Lattice

pytestmark = pytest.mark.xdist_group("milc_workload")  # the fixtures are made once


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def set_up(**settings: str) -> Milc:
    workload = Milc()
    workload.setup(
        "smoke",
        "cpu",
        region,
        {"threads": "1", "kernels": "eager", "lattice": "4x4x4x8", **settings},
    )
    return workload


def solved(**settings: str) -> tuple[Milc, Work]:
    workload = set_up(**settings)
    return workload, workload.run(region)


def failed(workload: Milc) -> dict[str, Verification]:
    return {check.quantity: check for check in workload.verify() if not check.passed}


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[Milc, Work]]:
    return {
        precision: solved(
            precision=precision, **({"inner": "int16"} if precision == "mixed" else {})
        )
        for precision in ("fp64", "mixed", "fp32")
    }


def test_every_precision_passes(runs: dict[str, tuple[Milc, Work]]) -> None:
    for workload, _ in runs.values():
        assert failed(workload) == {}


def test_same_accuracy_is_the_same_work(runs: dict[str, tuple[Milc, Work]]) -> None:
    """fp64 and mixed reach equal true residuals of equal systems, fp32 a larger residual."""
    fp64, mixed, fp32 = (runs[precision][1] for precision in ("fp64", "mixed", "fp32"))
    assert fp64.fingerprint == mixed.fingerprint != fp32.fingerprint
    assert fp64.unit == mixed.unit == "solve to residual 1e-10"
    assert fp32.unit == "solve to residual 1e-6"
    assert {work.precision for work in (fp64, mixed, fp32)} == {"equal-accuracy"}
    assert {work.amount for work in (fp64, mixed, fp32)} == {1.0}


def test_repeats_are_identical(runs: dict[str, tuple[Milc, Work]]) -> None:
    workload, work = runs["fp64"]
    assert workload.run(region) == work


def test_fingerprint_follows_the_problem_and_nothing_else() -> None:
    def mark(**settings: str) -> str:
        return solved(max_iterations="1", **settings)[1].fingerprint

    base = mark()
    assert (
        base
        == mark(precision="mixed")
        == mark(threads="2")
        == mark(precision="fp32", tolerance="1e-10")
    )
    others = [
        mark(mass="0.02"),
        mark(seed="2"),
        mark(tolerance="1e-9"),
        mark(spread="0.6"),
        mark(lattice="8x8x8x8"),
        mark(shifts="2"),
    ]
    thermal = [
        mark(gauge="heatbath", sweeps="1"),
        mark(gauge="heatbath", sweeps="1", beta="5.5"),
        mark(gauge="heatbath", sweeps="2"),
    ]
    assert len({base, *others, *thermal}) == 10


@pytest.mark.parametrize("precision", ["fp64", "mixed"])
def test_a_multi_shift_solve_passes_for_every_shift(precision: str) -> None:
    workload, work = solved(shifts="3", precision=precision, lattice="4x4x4x8")
    assert failed(workload) == {}
    assert work.unit == "solve of 3 shifts to residual 1e-10"


def test_settings_record_threads_affinity_layout_and_plaquette() -> None:
    settings = set_up(lattice="4x4x4x8").settings()
    assert settings["lattice"] == "4x4x4x8"
    assert settings["threads"] == 1
    assert settings["kernels"] == "eager"
    assert "CPU" in str(settings["affinity"])
    assert str(settings["layout"]).startswith("16 lanes")
    assert isinstance(settings["plaquette"], float)


def test_mixed_moves_fewer_bytes(runs: dict[str, tuple[Milc, Work]]) -> None:
    """16-bit links and fp32 vectors: 732 B of an iteration's 2616, and a few true residuals."""
    fp64, mixed = runs["fp64"][1], runs["mixed"][1]
    assert fp64.bytes is not None
    assert mixed.bytes is not None
    assert 0.28 * fp64.bytes < mixed.bytes < 0.45 * fp64.bytes


def test_flops_and_bytes_per_site() -> None:
    """MILC's counts, and the bytes of the roofline: 1146 and 1187 flops; 1200 B a Dslash and 1308 B
    an iteration in fp32, 2400 B and 2616 B in fp64.
    """
    one, widths = Lattice(1, 1, 1, 1), cost.WIDTHS
    assert cost.flops(one, 1, 0) == 1187
    assert cost.flops(one, 0, 1) == 1146
    assert cost.flops(one, 0, 0, 1, 3) == 1205 + 45
    assert cost.flops(SIZES["S"], 100, 1) == 18**3 * 36 * (1187 * 100 + 1146)
    assert [cost.dslash_bytes(*widths[form]) for form in ("fp32", "fp64", "int16")] == [
        1200,
        2400,
        624,
    ]
    assert cost.moved_bytes(one, 1, 0, widths["fp32"], widths["fp32"]) == 1308
    assert cost.moved_bytes(one, 1, 0, widths["fp64"], widths["fp64"]) == 2616
    assert cost.moved_bytes(one, 0, 0, widths["fp32"], widths["fp64"]) == 16 * 18 * 12


def test_a_link_corrupted_after_the_solve_fails() -> None:
    workload, _ = solved()
    assert workload._problem is not None
    workload._problem.links.fat[2, 3, 1, 2, 0, 0, 1] += 0.01
    assert set(failed(workload)) == {"true residual"}


def test_a_link_corrupted_before_the_solve_fails() -> None:
    """With one wrong element of one folded link, the operator is not the problem's operator and not
    Hermitian.
    """
    workload = set_up()
    assert workload._team is not None
    workload._team.first.operator.even.links[10, 5, 0, 1] += 0.01
    workload.run(region)
    assert {"true residual", "hermiticity"} <= set(failed(workload))


def test_the_wrong_boundary_fails() -> None:
    """A periodic operator is Hermitian and solves a different problem well: only the reference
    operator can show the error.
    """
    workload = set_up()
    problem, team = workload._problem, workload._team
    assert problem is not None
    assert team is not None
    periodic = problem.links._replace(
        fat=problem.links.fat.clone(), long=problem.links.long.clone()
    )
    periodic.fat[3, -1] *= -1
    periodic.long[3, -3:] *= -1
    team.first.operator = checks.small(problem.lattice, periodic, 0.01)
    workload.run(region)
    assert set(failed(workload)) == {"true residual"}


def test_a_solve_cut_short_fails() -> None:
    workload, _ = solved(max_iterations="20")
    assert set(failed(workload)) == {"true residual"}


def test_a_result_that_is_not_a_number_has_no_value() -> None:
    workload, _ = solved(max_iterations="5")
    assert workload._problem is not None
    workload._problem.x[0, 7, 1] = torch.nan
    check = failed(workload)["true residual"]
    assert check.value is None


def test_cpu_has_no_transfer_region() -> None:
    """Kernels are compiled in set-up, outside the measured region."""
    labels: list[str] = []

    def noted(label: str) -> contextlib.AbstractContextManager[None]:
        labels.append(label)
        return contextlib.nullcontext()

    workload = Milc()
    workload.setup(
        "smoke", "cpu", noted, {"max_iterations": "2", "kernels": "eager", "lattice": "4x4x4x8"}
    )
    workload.run(noted)
    assert labels == ["compile"]


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "half"},
        {"mass": "-1"},
        {"tolerance": "nan"},
        {"quark": "up"},
        {"max_iterations": "0"},
        {"lattice": "8x8x8"},
        {"lattice": "7x8x8x8"},
        {"inner": "fp8"},
        {"ranks": "5"},
    ],
)
def test_wrong_settings(settings: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(settings))):
        set_up(**settings)


def test_a_lattice_that_does_not_fit_is_refused_in_one_line() -> None:
    """XL needs terabytes."""
    with pytest.raises(BadInput, match=r"144x144x144x288: needs [0-9.]+ GiB on host"):
        Milc().setup("XL", "cpu", region, {})


@pytest.mark.parametrize(
    ("device", "capability", "inner"),
    [("cpu", "AVX2", "fp32"), ("cpu", "AVX512", "int16"), ("cuda", "AVX2", "int16")],
)
def test_the_inner_format_is_the_fastest_there(
    monkeypatch: pytest.MonkeyPatch, device: str, capability: str, inner: str
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert fastest_inner(torch.device(device)) == inner


def test_the_chosen_inner_format_is_in_the_settings() -> None:
    assert set_up(precision="mixed").settings()["inner"] == fastest_inner(torch.device("cpu"))
    assert set_up(precision="fp64").settings()["inner"] == "fp64"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp64", "mixed", "fp32"])
def test_gpu_does_the_same_work(precision: str, runs: dict[str, tuple[Milc, Work]]) -> None:
    labels: list[str] = []

    def noted(label: str) -> contextlib.AbstractContextManager[None]:
        labels.append(label)
        return contextlib.nullcontext()

    workload = Milc()
    workload.setup("smoke", "cuda", noted, {"precision": precision, "lattice": "4x4x4x8"})
    labels.clear()
    work = workload.run(noted)
    assert failed(workload) == {}
    assert work.fingerprint == runs[precision][1].fingerprint
    assert labels == ["transfer", "transfer"]
