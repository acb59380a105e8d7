"""`calibrate`: the limits of a device, measured by the workload `limits` in a worker, like a
workload of `run`: no library of the workload is known here.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import msgspec
import psutil

from energybench.analysis.measurement.profiles import CPU, state
from energybench.errors import BadInput
from energybench.measuring.calibrated_sensors import now_utc
from energybench.measuring.child import Child, Interrupted, WorkFailed, devices
from energybench.measuring.plan import Progress
from energybench.measuring.signals import Signals
from energybench.model import DeviceLimits, Host, Limit, LimitName

WORKLOAD = "limits"
NAMES: tuple[LimitName, ...] = ("read", "fp64", "fp32", "bf16")
# undisturbed runs of a kernel; and the total number of runs, if a foreign program shares the cores
TRIES, MOST = 5, 15
# share of its cores' time below which a CPU's kernel was disturbed by a foreign program (or a
# quota); CPU times come in ticks of 10 ms
_DISTURBED = 0.9
_WAIT_S = 0.2


class Reached(NamedTuple):
    """A device: its limits, or None without any; `missing`: (limit, reason, remedy) of unmeasured
    limits.
    """

    device: str
    limits: DeviceLimits | None
    missing: tuple[tuple[str, str, str], ...] = ()


def measure(device: str, host: Host, signals: Signals, progress: Progress) -> Reached:
    """Run the kernels one after the other on the device, `TRIES` undisturbed runs of each.

    Raises Interrupted.
    """
    limits: list[Limit] = []
    missing: list[tuple[str, str, str]] = []
    notes: list[str] = []
    for place, name in enumerate(NAMES):
        progress(f"{device}: {name}", place / len(NAMES))
        try:
            limit, busy = _limit(name, device, signals)
        except BadInput as why:
            missing.append((name, f"{why.where} {why.what}".strip(), why.remedy))
            continue
        except WorkFailed as why:
            missing.append((name, str(why), f"energybench run {WORKLOAD} --size {name} shows it"))
            continue
        if busy is not None and busy < _DISTURBED:
            note = f"{name} had its cores for {busy:.0%} of the time: another program, or a quota"
            limit = msgspec.structs.replace(limit, note=note)
            notes.append(f"{note}; calibrate on an idle machine")
        limits.append(limit)
    stated = _stated(device, host, limits, notes) if limits else None
    return Reached(device, stated, tuple(missing))


def _stated(device: str, host: Host, limits: list[Limit], notes: list[str]) -> DeviceLimits:
    driver, clocks = state(device, host)
    board = next((gpu for gpu in host.gpus if gpu.uuid == device), None)
    return DeviceLimits(
        device=device,
        name=(board.name if board else host.cpu) or "not known",
        host=host.name,
        host_ids=host.identities,
        driver=driver,
        clocks=clocks,
        threads=host.threads_allowed if device == CPU else None,
        torch=host.libraries.get("torch"),
        limits=tuple(limits),
        notes=tuple(notes),
        made_utc=now_utc(),
    )


class _Runs(NamedTuple):
    """Runs of a kernel. rates: bytes or flops per second; shares: share of the cores' time in the
    runs of a CPU's kernel, empty if unknown.
    """

    rates: list[float]
    shares: list[float]

    @property
    def enough(self) -> bool:
        if len(self.rates) < TRIES:
            return False
        if len(self.rates) >= MOST or len(self.shares) < len(self.rates):
            return True
        return sum(share >= _DISTURBED for share in self.shares) >= TRIES


def _limit(name: LimitName, device: str, signals: Signals) -> tuple[Limit, float | None]:
    """A kernel in a worker process, verified; for a CPU also the largest share of the cores' time
    in a run. Raises BadInput, WorkFailed, Interrupted.
    """
    worker_device, environment = "cuda:0", {"CUDA_VISIBLE_DEVICES": device}
    if device == CPU:
        worker_device, environment = devices(CPU, os.environ)
    child = Child(environment, signals)
    try:
        setup = _ask(
            child, do="setup", workload=WORKLOAD, size=name, device=worker_device, settings={}
        )
        ready = setup["ready"]
        runs = _Runs([], [])
        while not runs.enough:
            _run(child, ready.get("threads") if device == CPU else None, runs)
        checks = _ask(child, do="verify")["checks"]
    finally:
        child.close()
    failed = [str(check["quantity"]) for check in checks if not check["passed"]]
    if failed:
        raise WorkFailed(f"its result is wrong: {', '.join(failed)}")
    limit = Limit(name=name, runs=tuple(runs.rates), how=_words(ready))
    return limit, max(runs.shares, default=None)


def _run(child: Child, threads: int | None, runs: _Runs) -> None:
    """One run of the kernel. threads: of a CPU's kernel, for the share of the cores."""
    before_s = _cpu_s(child.pid)
    answer = _ask(child, do="run", times=1)
    seconds = answer["end_s"] - answer["start_s"]
    runs.rates.append(answer["work"]["amount"] / seconds)
    after_s = _cpu_s(child.pid)
    if threads and before_s is not None and after_s is not None:
        runs.shares.append((after_s - before_s) / (seconds * threads))


def _ask(child: Child, **command: Any) -> dict[str, Any]:
    child.send(**command)
    while not child.answered():
        child.wait(_WAIT_S)
    return child.answer()


def _cpu_s(pid: int) -> float | None:
    """CPU time of a process so far, s; None if the process has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def _words(ready: dict[str, Any]) -> str:
    """'sum of rows, compiled; 512 MiB; TF32 off' from the workload's own settings."""
    words = [str(ready.get("kernel", WORKLOAD))]
    words += [f"{ready['mib']} MiB"] if "mib" in ready else []
    words += [f"n = {ready['n']}"] if "n" in ready else []
    words += ["TF32 off"] if ready.get("tf32") is False else []
    return "; ".join(words)


__all__ = ["NAMES", "TRIES", "WORKLOAD", "Interrupted", "Reached", "measure"]
