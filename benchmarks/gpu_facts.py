"""Provenance of a GPU check, as JSON: revision and digest of the sources, host, board and torch.

    python benchmarks/gpu_facts.py cuda|cpu

Exit code 2 if torch sees no GPU and the check is to run on one.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from energybench.measuring import host
from energybench.measuring.clock import MonotonicClock
from energybench_workloads.common import native_bf16

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("benchmarks", "energybench", "reports", "workloads")
SMI_FIELDS = (
    "name,uuid,driver_version,vbios_version,pci.bus_id,memory.total,power.limit,"
    "power.max_limit,clocks.max.sm,clocks.max.memory,persistence_mode,ecc.mode.current"
)


def output(*command: str) -> str | None:
    """Standard output of a command; None if it failed or does not exist."""
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None


def revision() -> dict[str, Any]:
    """The git revision, or the one that REVISION states for a copy without git; None if unknown."""
    commit = output("git", "rev-parse", "HEAD")
    if commit is None:
        stated = os.environ.get("REVISION") or None
        return {"revision": stated, "revision_from": "REVISION" if stated else None}
    changes = output("git", "status", "--porcelain", "--untracked-files=no")
    return {"revision": commit, "revision_from": "git", "changed": bool(changes)}


def sources_sha256() -> str:
    """Digest of the sources that ran, so that a copy without git can be identified later: SHA-256
    of "digest  path" lines, as `sha256sum` prints them.
    """
    paths = sorted(
        path
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh", ".toml") and "__pycache__" not in path.parts
    )
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}\n"
        for path in paths
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def board() -> dict[str, Any]:
    """The first GPU that torch sees; empty without one."""
    if not torch.cuda.is_available():
        return {}
    properties = torch.cuda.get_device_properties(0)
    uuid = f"GPU-{properties.uuid}"
    row = output("nvidia-smi", f"--id={uuid}", f"--query-gpu={SMI_FIELDS}", "--format=csv,noheader")
    fields = SMI_FIELDS.split(",")
    values = [value.strip() for value in row.split(",")] if row else []
    return {
        "gpu": properties.name,
        "gpu_uuid": uuid,
        "gpus": torch.cuda.device_count(),
        "nvidia_smi": dict(zip(fields, values, strict=False)) or None,
    }


def facts(device: str) -> dict[str, Any]:
    described = host.describe(MonotonicClock())
    return {
        "device": device,
        "made_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **revision(),
        "sources_sha256": sources_sha256(),
        "host": described.name,
        "cpu": described.cpu,
        "threads": described.threads_allowed,
        "memory_bytes": described.memory_bytes,
        "virtual": described.virtual,
        "os": described.os,
        "kernel": described.kernel,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None,
        **board(),
        # one number format for the CPU and the GPU: bf16 if the CPU has it
        "precision": "bf16" if native_bf16(torch.device("cpu")) else "fp32",
        "packages": sorted(
            {f"{package.name}=={package.version}" for package in metadata.distributions()},
            key=str.lower,
        ),
    }


def main() -> int:
    device = sys.argv[1]
    print(json.dumps(facts(device), indent=1))
    if device == "cuda" and not torch.cuda.is_available():
        print(
            "torch sees no GPU: use the python that has a CUDA build of torch (PYTHON=…), or try "
            "the script with DEVICE=cpu",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
