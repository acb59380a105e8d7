"""What the tools are put in front of: the simulated NVML with what peers ask of it besides, and a
powercap tree in a /sys of their own.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # the simulators live with the tests

from tests.simulators import LiveNode, live_node, nvml_environment

HERE = Path(__file__).parent

_PRIVATE_SYS = """
set -e
mount --make-rprivate /
T=$(mktemp -d); mount -t tmpfs none "$T"; mkdir "$T/upper" "$T/work"
# sysfs takes no mkdir, an overlay on sysfs does
if [ ! -d /sys/class/powercap ] || [ ! -d /sys/devices/virtual/powercap ]; then
    mount -t overlay none -o "lowerdir=/sys,upperdir=$T/upper,workdir=$T/work" /sys
    mkdir -p /sys/class/powercap /sys/devices/virtual/powercap
fi
mount --bind "$ROOT/sys/class/powercap" /sys/class/powercap
mount --bind "$ROOT/sys/devices/virtual/powercap" /sys/devices/virtual/powercap
exec "$@"
"""


def gpu_environment(folder: Path, conf: str, seed: int) -> dict[str, str]:
    """An environment with the simulated boards, an nvidia-smi that runs (codecarbon looks for one)
    and a home of its own.
    """
    env = nvml_environment(folder, conf, seed)
    shutil.copy(_library(), folder / "libnvidia-ml.so.1")
    shell = folder / "bin/nvidia-smi"
    shell.parent.mkdir(exist_ok=True)
    shell.write_text("#!/bin/sh\necho 'NVIDIA-SMI (simulated)'\n", "utf-8")
    shell.chmod(0o755)
    return env | {
        "LD_LIBRARY_PATH": os.pathsep.join((str(folder), env["LD_LIBRARY_PATH"])),
        "PATH": os.pathsep.join((str(shell.parent), env["PATH"])),
        "HOME": str(folder),
    }


def plain_environment(folder: Path) -> dict[str, str]:
    """An environment without any board."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CUDA_")} | {
        "HOME": str(folder)
    }


@functools.cache
def _library() -> Path:
    """The simulated NVML with the peers' queries, compiled once a process."""
    folder = Path(tempfile.mkdtemp(prefix="nvmlsim-peers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "libnvidia-ml.so.1"
    compiler = shutil.which("gcc") or shutil.which("cc") or "cc"
    subprocess.run(
        [
            compiler,
            "-O2",
            "-shared",
            "-fPIC",
            "-o",
            str(library),
            str(HERE / "nvmlsim_peers.c"),
            "-lm",
            "-lpthread",
        ],
        check=True,
    )
    return library


@contextmanager
def packages(folder: Path, zones: Mapping[str, Mapping[str, Any]]) -> Iterator[LiveNode]:
    """A live powercap tree with the `subsystem` link that the kernel has and codecarbon starts
    from.
    """
    with live_node(folder / "root", zones) as live:
        link = live.root / "sys/devices/virtual/powercap/intel-rapl/subsystem"
        link.symlink_to("../../../../class/powercap")
        yield live


def no_private_sys() -> str | None:
    """Why a program cannot be given a /sys of its own here; None: it can."""
    if os.geteuid() != 0:
        return "needs root for a mount namespace"
    if shutil.which("unshare") is None:
        return "needs unshare"
    with tempfile.TemporaryDirectory() as name:
        for part in ("sys/class/powercap", "sys/devices/virtual/powercap"):
            (Path(name) / part).mkdir(parents=True)
        done = subprocess.run(
            in_private_sys(Path(name), ["true"]), capture_output=True, text=True, check=False
        )
    return None if done.returncode == 0 else f"no mount namespace: {' '.join(done.stderr.split())}"


def in_private_sys(root: Path, command: Sequence[str]) -> list[str]:
    """The command in a mount namespace in which /sys/class/powercap is the tree's."""
    return ["unshare", "-m", "env", f"ROOT={root}", "bash", "-c", _PRIVATE_SYS, "_", *command]


def blackout(live: LiveNode, at_s: float, seconds: float) -> threading.Thread:
    """Empty every counter file at a time (CLOCK_MONOTONIC); the true energy goes on meanwhile."""
    files = list((live.root / "sys/devices").rglob("energy_uj"))

    def work() -> None:
        time.sleep(max(0.0, at_s - time.monotonic()))
        live.process.send_signal(signal.SIGSTOP)
        time.sleep(0.01)
        for path in files:
            os.truncate(path, 0)
        time.sleep(seconds)
        live.process.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
