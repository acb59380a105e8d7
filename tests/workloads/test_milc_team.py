"""Several real processes on one lattice, joined by gloo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.milc import Milc
from energybench_workloads.milc.devices import cpu_list, devices, numa_domains
from energybench_workloads.milc.lattice import SIZES

# A larger mass than by default: 40 iterations instead of 350
SETTINGS = {"threads": "1", "kernels": "eager", "lattice": "4x4x4x16", "mass": "0.5"}


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def set_up(**settings: str) -> Iterator[Milc]:
    workload = Milc()
    workload.setup("smoke", "cpu", region, {**SETTINGS, **settings})
    try:
        yield workload
    finally:
        workload.close()


def iterate(workload: Milc, iterations: int) -> torch.Tensor:
    """x after a number of iterations."""
    assert workload._team is not None
    assert workload._problem is not None
    workload._team.solve(region, iterations)
    return workload._problem.x.clone()


@pytest.fixture(scope="module")
def alone() -> Iterator[Milc]:
    with set_up() as workload:
        yield workload


@pytest.mark.parametrize("ranks", [2, 4])
def test_processes_give_one_processs_iterates(alone: Milc, ranks: int) -> None:
    """In fp64 to 1e-12 at every stage of the solve, the end included. The result passes the checks,
    with hermiticity over the processes together.
    """
    with set_up(ranks=str(ranks)) as workload:
        for iterations in (1, 2, 10, 20_000):
            expected = iterate(alone, iterations)
            actual = iterate(workload, iterations)
            assert float((actual - expected).norm() / expected.norm()) < 1e-12
        workload.run(region)
        assert [check for check in workload.verify() if not check.passed] == []


def test_mixed_precision_and_shifts_over_two_processes() -> None:
    with set_up(ranks="2", precision="mixed", inner="int16", shifts="3") as workload:
        workload.run(region)
        assert [check for check in workload.verify() if not check.passed] == []


def test_the_other_processes_end_with_the_first() -> None:
    with set_up(ranks="2") as workload:
        assert workload._team is not None
        others = list(workload._team._processes)
        assert all(process.is_alive() for process in others)
    assert not any(process.is_alive() for process in others)


def test_the_other_processes_end_with_a_worker_that_is_killed() -> None:
    """In the middle of a solve, when nobody reads the pipes."""
    code = (
        "import contextlib, multiprocessing, os, signal, threading\n"
        "from energybench.registry import load\n"
        "def region(label): return contextlib.nullcontext()\n"
        "if __name__ == '__main__':\n"
        "    w = load('workloads', 'milc')\n"
        "    w.setup('smoke', 'cpu', region, {'ranks': '2', 'threads': '1', 'kernels': 'eager', "
        "'tolerance': '1e-14'})\n"
        "    print(*(p.pid for p in multiprocessing.active_children()), flush=True)\n"
        "    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "    while True: w.run(region)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "solve.py"
        script.write_text(code)
        # a killed process does not remove its temporary files
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(
            [sys.executable, str(script)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=800,
            check=False,
        )
    assert done.returncode == -signal.SIGKILL
    others = [int(pid) for pid in done.stdout.split()]
    assert others
    until = time.monotonic() + 240
    while time.monotonic() < until and any(runs(pid) for pid in others):
        time.sleep(0.05)
    assert not [pid for pid in others if runs(pid)]


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_process_that_dies_is_an_error_and_not_waited_for() -> None:
    with set_up(ranks="2") as workload:
        assert workload._team is not None
        workload._team._processes[0].kill()
        workload._team._processes[0].join()
        with pytest.raises(RuntimeError):
            workload.run(region)


def test_time_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(BadInput, match="ranks 8"):
        Milc().setup("smoke", "cpu", region, {**SETTINGS, "ranks": "8"})


def test_several_ranks_on_one_gpu_are_refused() -> None:
    """Refused before any process starts, and without asking the GPU."""
    with pytest.raises(BadInput, match="ranks=2: cuda:0 is one GPU"):
        devices(torch.device("cuda:0"), 2, SIZES["smoke"])


def test_numa_domains(tmp_path: Path) -> None:
    """CPUs that this process may not use are left out, and so are domains without usable CPUs."""
    (allowed,) = numa_domains(tmp_path)
    for i, text in enumerate((f"{allowed[0]}\n", f"{allowed[-1]},4090-4095\n", "4000-4001\n")):
        (tmp_path / f"node{i}").mkdir()
        (tmp_path / f"node{i}" / "cpulist").write_text(text)
    assert numa_domains(tmp_path) == ((allowed[0],), (allowed[-1],))
    assert cpu_list("0-3,8") == (0, 1, 2, 3, 8)
