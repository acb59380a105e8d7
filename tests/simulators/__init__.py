"""Sensors that behave like real ones: unmodified readers see them, and the energy behind them is
known.

nvml_environment   the environment in which libnvidia-ml.so.1 is the simulated one (see nvmlsim.c
                   for its configuration)
cuda_environment   that, with simulated boards that a kernel can be launched on, and whose sensors
                   follow it (see cudasim.c)
run_nvml           the nvml collector in a process of its own, in such an environment
powercap_tree      a /sys/class/powercap that stands still; pm_tree: a /sys/cray/pm_counters
live_node          a process that keeps both up to date, wraps included; a zone can follow the load
                   of a calibration
SystemClock, VirtualClock, context   what a collector is opened with
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from energybench.data import priors
from energybench.plugins import Context
from tests.simulators.trees import LiveNode, live_node, pm_tree, powercap_tree

__all__ = [
    "LiveNode",
    "SystemClock",
    "VirtualClock",
    "context",
    "cuda_environment",
    "live_node",
    "nvml_environment",
    "pm_tree",
    "powercap_tree",
    "run_nvml",
]

HERE = Path(__file__).parent


class SystemClock:
    """CLOCK_MONOTONIC."""

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)


class VirtualClock:
    """Stands still until it is set."""

    def __init__(self, t_s: float = 0.0) -> None:
        self.t_s = t_s

    def now(self) -> float:
        return self.t_s


def context(root: Path = Path("/"), **more: Any) -> Context:
    """A collector's context over the system's clock and the shipped priors."""
    return Context(**({"clock": SystemClock(), "root": root, "priors": priors()} | more))


@functools.cache
def _library(name: str = "libnvidia-ml.so.1", source: str = "nvmlsim.c") -> Path:
    """Folder of a compiled library, made once a process; skips the test where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("the simulated libraries need a C compiler")
    folder = Path(tempfile.mkdtemp(prefix=f"{source}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        [
            compiler,
            "-O2",
            "-shared",
            "-fPIC",
            "-o",
            str(folder / name),
            str(HERE / source),
            "-lm",
            "-lpthread",
        ],
        check=True,
    )
    return folder


def nvml_environment(folder: Path, conf: str, seed: int = 1) -> dict[str, str]:
    """This process's environment with the simulated NVML on it.

    `conf`: lines as in nvmlsim.c, written into `folder`.
    """
    file = folder / f"nvmlsim-{seed}.conf"
    file.write_text(conf, "utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith("CUDA_")}
    path = os.pathsep.join(filter(None, (str(_library()), env.get("LD_LIBRARY_PATH"))))
    return env | {"LD_LIBRARY_PATH": path, "NVMLSIM": str(file), "NVMLSIM_SEED": str(seed)}


def cuda_environment(
    folder: Path,
    conf: str,
    boards: int = 1,
    idle_w: float = 60,
    busy_w: float = 330,
    cuda: str = "",
    seed: int = 1,
) -> dict[str, str]:
    """Like nvml_environment, with boards that draw `busy_w` while a kernel runs on them.

    `cuda`: further lines of cudasim.c's file.
    """
    lines = []
    for i in range(boards):
        trace = folder / f"board-{i}.trace"
        trace.write_text(f"0 {idle_w}\n")
        conf += f"gpu{i}.trace={trace}\n"
        lines.append(
            f"GPU-5eed{i:04x}-0000-0000-0000-{i:012x} 0000:{0x10 + 0x10 * i:02x}:00.0 {trace} "
            f"{idle_w} {busy_w}\n"
        )
    file = folder / "cudasim.conf"
    file.write_text("".join(lines) + cuda)
    env = nvml_environment(folder, f"count={boards}\n{conf}", seed)
    return env | {
        "LD_LIBRARY_PATH": f"{_library('libcuda.so.1', 'cudasim.c')}{os.pathsep}{env['LD_LIBRARY_PATH']}",
        "CUDASIM": str(file),
    }


def run_nvml(env: dict[str, str], **request: Any) -> Any:
    """Open the nvml collector in a process of its own, read it `reads` times every `every_s`, and
    answer what it said (nvml_session.py).
    """
    command = [sys.executable, str(HERE / "nvml_session.py"), json.dumps(request)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
