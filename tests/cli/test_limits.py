"""`energybench calibrate --limits-only`, and what a run and a comparison make of the limits;
kernels that take no time, through the plugin door.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from energybench.data.datasheets import sheet
from tests.cli.process import energybench, python_path

SOURCE = '''
import os, time
from energybench.errors import BadInput
from energybench.model import Verification, Work


class Kernels:
    """Stands for the kernels of `limits`: 0.05 s of sleep at 10 GB/s, or 20 Gflop/s."""
    name = "limits"
    sizes = ("smoke", "read", "fp64", "fp32", "bf16")

    def setup(self, size, device, region, settings):
        if size == os.environ.get("LACKS"):
            what = "this machine has no such arithmetic"
            raise BadInput(f"--size {size}", what, "another machine")
        self.size = size

    def settings(self):
        return {"kernel": f"{self.size} asleep", "n": 4}

    def run(self, region):
        time.sleep(0.05)
        reads = self.size == "read"
        return Work(
            amount=5e8 if reads else 1e9,
            unit="byte" if reads else "flop",
            fingerprint=self.size,
            precision="equal-precision",
        )

    def verify(self):
        wrong = self.size == os.environ.get("WRONG")
        value = 1.0 if wrong else 0.0
        return [Verification(quantity="sum", value=value, tolerance=0.1, passed=not wrong)]


class Streams:
    """2.5 GB/s for 0.1 s, at half a flop a byte."""
    name = "streams"
    sizes = ("smoke",)

    def setup(self, size, device, region, settings):
        pass

    def settings(self):
        return {}

    def run(self, region):
        time.sleep(0.1)
        return Work(
            amount=1.0,
            unit="stream",
            fingerprint="s",
            precision="equal-precision",
            flops=1.25e8,
            bytes=2.5e8,
            arithmetic="fp32",
        )

    def verify(self):
        return [Verification(quantity="nap", value=0.0, tolerance=1.0, passed=True)]
'''
POINTS = (
    "[energybench.workloads]\nlimits = kernels_package:Kernels\nstreams = kernels_package:Streams\n"
)
RUN = (
    "run",
    "streams",
    "--repeats",
    "2",
    "--min-window",
    "0",
    "--max-warm-up",
    "1",
    "--idle",
    "0",
    "--json",
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment in which the package stands before ours, and profiles are the test's own."""
    (tmp_path / "kernels_package.py").write_text(SOURCE)
    info = tmp_path / "kernels_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kernels-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return {
        **python_path(tmp_path),
        "ENERGYBENCH_PROFILES": str(tmp_path / "profiles"),
        "CUDA_VISIBLE_DEVICES": "",
    }


def calibrated(env: dict[str, str], tmp_path: Path, *arguments: str) -> Any:
    ran = energybench(
        "calibrate", "--limits-only", "--drive", "cpu", "--json", *arguments, cwd=tmp_path, env=env
    )
    assert ran.code == 0, ran.err
    return ran.json


def test_limits_are_measured_shown_and_kept(env: dict[str, str], tmp_path: Path) -> None:
    """Four kernels, five runs of each at least, each in a worker of its own; one file."""
    calibration = calibrated(env, tmp_path)
    (row,) = calibration["limits"]
    assert [limit["limit"] for limit in row["limits"]] == ["read", "fp64", "fp32", "bf16"]
    for limit, most in zip(row["limits"], (1e10, 2e10, 2e10, 2e10), strict=True):
        assert len(limit["runs"]) >= 5
        assert min(limit["runs"]) <= limit["median"] <= limit["best"] == max(limit["runs"])
        assert limit["best"] <= 1.01 * most  # a sleep may take longer, and never less
    (file,) = (tmp_path / "profiles").iterdir()
    assert calibration["written"] == [str(file)]
    profile = json.loads(file.read_text())
    assert (profile["device"], profile["channels"], profile["limits"]["torch"] is None) == (
        "cpu",
        [],
        False,
    )


def test_a_run_stands_beside_them(env: dict[str, str], tmp_path: Path) -> None:
    """A quarter of the bandwidth, which binds; two runs compared say so as a doubt. The limits name
    their kernels.

    On another number of threads they are refused with the reason.
    """
    output = energybench("calibrate", "--limits-only", "--drive", "cpu", cwd=tmp_path, env=env).out
    assert "read asleep; n = 4" in output
    assert "GB/s" in output
    assert "Gflop/s" in output
    one = energybench(*RUN, "--label", "one", cwd=tmp_path, env=env).json
    roofline = one["roofline"]
    assert (roofline["device"], roofline["binds"], roofline["intensity_flop_per_byte"]) == (
        "cpu",
        "bandwidth",
        0.5,
    )
    assert roofline["byte_per_s"]["value"] <= 1.01 * 2.5e9  # a quarter, if nothing is late
    assert roofline["share"]["value"] == pytest.approx(
        roofline["byte_per_s"]["value"] / roofline["bandwidth_byte_per_s"]["value"]
    )
    assert roofline["energy_per_flop_j"]["value"] == pytest.approx(
        2 * roofline["energy_per_byte_j"]["value"]
    )
    two = energybench(*RUN, "--label", "two", cwd=tmp_path, env=env).json
    compared = energybench("compare", one["id"], two["id"], "--json", cwd=tmp_path, env=env).json
    assert [doubt["code"] for doubt in compared["doubts"]].count("limit-low") == 2
    (file,) = (tmp_path / "profiles").iterdir()
    spoilt = json.loads(file.read_text())
    spoilt["limits"]["name"] = "CPU of another make"
    file.write_text(json.dumps(spoilt))
    refused = energybench(*RUN, cwd=tmp_path, env=env).json
    assert (refused["roofline"]["device"], refused["roofline"]["share"]) == (None, None)
    (doubt,) = [doubt for doubt in refused["doubts"] if doubt["code"] == "limits-refused"]
    assert "measured on CPU of another make, this is " in doubt["message"]
    checked = energybench("calibrate", "--check", cwd=tmp_path, env=env)
    assert "refused  limits of CPU of another make" in checked.out


def test_what_cannot_be_measured_costs_the_others_nothing(
    env: dict[str, str], tmp_path: Path
) -> None:
    """No bf16 here, and a product that was wrong: both are named with the reason, neither is a
    limit.
    """
    (row,) = calibrated({**env, "LACKS": "bf16", "WRONG": "fp32"}, tmp_path)["limits"]
    assert [limit["limit"] for limit in row["limits"]] == ["read", "fp64"]
    assert {missing["limit"]: missing["reason"] for missing in row["not_measured"]} == {
        "fp32": "its result is wrong: sum",
        "bf16": "--size bf16 this machine has no such arithmetic",
    }


def test_data_sheets_are_found_by_the_whole_name() -> None:
    """A board by its name in NVML, a processor by its name in /proc/cpuinfo; a name that hides the
    model has none.
    """
    for name, limit, expected in (
        ("NVIDIA A100-SXM4-80GB", "read", 2.039e12),
        ("NVIDIA A100-SXM4-40GB", "bf16", 312e12),
        ("NVIDIA H100 80GB HBM3", "fp64", 67e12),
        ("NVIDIA H100 PCIe", "read", 2.0e12),
        ("Tesla V100-SXM2-16GB", "fp32", 15.7e12),
        ("AMD EPYC 7763 64-Core Processor", "read", 204.8e9),
        ("AMD EPYC 9654 96-Core Processor", "read", 460.8e9),
        ("Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz", "read", 204.8e9),
        ("Intel(R) Xeon(R) Platinum 8480+", "read", 307.2e9),
    ):
        row = sheet(name)
        assert row is not None, name
        assert row.values[limit] == pytest.approx(expected)
        assert row.source
    assert [
        sheet(name)
        for name in ("AMD EPYC", "NVIDIA H100", "Intel(R) Xeon(R) Platinum 8380H CPU @ 2.90GHz", "")
    ] == [None] * 4
