"""Simulated sensors for unmodified readers, with a known energy.

nvml_environment   environment of a process that loads the simulated libnvidia-ml.so.1 (configured
                   as in nvmlsim.c)
cuda_environment   nvml_environment with boards that run kernels, and sensors that follow the
                   kernels (see cudasim.c)
run_nvml           the nvml collector in a process of its own, in one of these environments
powercap_tree      files of /sys/class/powercap that stand still
pm_tree            files of /sys/cray/pm_counters that stand still
pci_tree, nvidia_driver_tree
                   the kernel's lists of accelerators
live_node          a process that updates both trees, wraps included; a zone can follow the load of
                   a calibration
library            compiles one of the simulated libraries
SystemClock, VirtualClock, context   clocks and a context to open a collector
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
from tests.simulators.accelerator_trees import PciDevice, nvidia_driver_tree, pci_tree
from tests.simulators.trees import LiveNode, live_node, pm_tree, powercap_tree

__all__ = [
    "LiveNode",
    "PciDevice",
    "SystemClock",
    "VirtualClock",
    "context",
    "cuda_environment",
    "library",
    "live_node",
    "nvidia_driver_tree",
    "nvml_environment",
    "pci_tree",
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
    """A clock that stands still until a test sets the time."""

    def __init__(self, t_s: float = 0.0) -> None:
        self.t_s = t_s

    def now(self) -> float:
        return self.t_s


def context(root: Path = Path("/"), **more: Any) -> Context:
    """Context of a collector, with the clock of the system and the shipped priors."""
    return Context(**({"clock": SystemClock(), "root": root, "priors": priors()} | more))


@functools.cache
def library(name: str, source: str, *, fuse: bool = False) -> Path:
    """Folder of a compiled library, built once in a process; skips the test without a compiler.

    fuse  the result is a program that uses libfuse3
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("the simulated libraries need a C compiler")
    folder = Path(tempfile.mkdtemp(prefix=f"{Path(source).name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = ["-shared", "-fPIC"]
    if fuse:
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "fuse3"],
            check=True,
            capture_output=True,
            text=True,
        )
        options = flags.stdout.split()
    target = ["-o", str(folder / name), str(HERE / source)]
    subprocess.run([compiler, "-O2", *target, *options, "-lm", "-lpthread"], check=True)
    return folder


def nvml_environment(folder: Path, conf: str, seed: int = 1) -> dict[str, str]:
    """Environment of this process with the simulated NVML.

    conf  lines as in nvmlsim.c, written into `folder`
    """
    file = folder / f"nvmlsim-{seed}.conf"
    file.write_text(conf, "utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith("CUDA_")}
    path = os.pathsep.join(
        filter(None, (str(library("libnvidia-ml.so.1", "nvmlsim.c")), env.get("LD_LIBRARY_PATH")))
    )
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
    """As nvml_environment, with boards that draw `busy_w` while a kernel runs.

    cuda  further lines for the file of cudasim.c
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
    cuda_library = library("libcuda.so.1", "cudasim.c")
    path = f"{cuda_library}{os.pathsep}{env['LD_LIBRARY_PATH']}"
    return env | {"LD_LIBRARY_PATH": path, "CUDASIM": str(file)}


def run_nvml(env: dict[str, str], **request: Any) -> Any:
    """Answer of nvml_session.py: the nvml collector, opened in a process of its own and read
    `reads` times, every `every_s` seconds.
    """
    command = [sys.executable, str(HERE / "nvml_session.py"), json.dumps(request)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
