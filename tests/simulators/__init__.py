"""Sensors that behave like real ones: unmodified readers see them, and the energy behind them is known.

nvml_environment   the environment in which libnvidia-ml.so.1 is the simulated one (see nvmlsim.c for its configuration)
run_nvml           the nvml collector in a process of its own, in such an environment
powercap_tree      a /sys/class/powercap that stands still; pm_tree: a /sys/cray/pm_counters
live_node          a process that keeps both up to date, wraps included
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

__all__ = ["LiveNode", "SystemClock", "VirtualClock", "context", "live_node", "nvml_environment", "pm_tree", "powercap_tree", "run_nvml"]

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
def _library() -> Path:
    """Folder of the compiled library, made once a process; skips the test where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("the simulated NVML needs a C compiler")
    folder = Path(tempfile.mkdtemp(prefix="nvmlsim-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / "libnvidia-ml.so.1"), str(HERE / "nvmlsim.c"), "-lm", "-lpthread"]
    subprocess.run(command, check=True)
    return folder


def nvml_environment(folder: Path, conf: str, seed: int = 1) -> dict[str, str]:
    """This process's environment with the simulated NVML on it. `conf`: lines as in nvmlsim.c, written into `folder`."""
    file = folder / f"nvmlsim-{seed}.conf"
    file.write_text(conf, "utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith("CUDA_")}
    path = os.pathsep.join(filter(None, (str(_library()), env.get("LD_LIBRARY_PATH"))))
    return env | {"LD_LIBRARY_PATH": path, "NVMLSIM": str(file), "NVMLSIM_SEED": str(seed)}


def run_nvml(env: dict[str, str], **request: Any) -> Any:
    """Open the nvml collector in a process of its own, read it `reads` times every `every_s`, and answer what it said (nvml_session.py)."""
    command = [sys.executable, str(HERE / "nvml_session.py"), json.dumps(request)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
