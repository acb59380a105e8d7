"""`calibrate`: what a device reaches at most, by the workload `limits` in a worker of its own, as
`run` has it: no library of it is known here.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import psutil

from energybench.analysis.measurement.profiles import CPU, state
from energybench.errors import BadInput
from energybench.measuring.calibrated_sensors import now_utc
from energybench.measuring.child import Child, Interrupted, WorkFailed, devices
from energybench.measuring.plan import Progress
from energybench.measuring.sensors import Sensors
from energybench.measuring.signals import Signals
from energybench.model import DeviceLimits, Host, Limit, LimitName

WORKLOAD = "limits"
NAMES: tuple[LimitName, ...] = ("read", "fp64", "fp32", "bf16")
TRIES, MOST = (
    5,
    15,
)  # runs that had their cores to themselves; runs in all, where somebody else is about
# share of its cores' time that a CPU's kernel had, below which somebody else (or a quota) had the
# rest; CPU times come in ticks of 10 ms
_DISTURBED = 0.9
_WAIT_S = 0.2


class Reached(NamedTuple):
    """One device: its limits, or why there are none.

    `missing`: (limit, reason, remedy) of those that could not be measured.
    """

    device: str
    limits: DeviceLimits | None
    missing: tuple[tuple[str, str, str], ...] = ()


def boards(sensors: Sensors, wanted: str) -> tuple[str, ...]:
    """What `--drive` names, whether or not a sensor of it works: cpu, a board's UUID (or a part of
    it), or all that the work may use.
    """
    known = [gpu.uuid for gpu in sensors.gpus]
    if wanted in (CPU, "all"):
        return (CPU,) if wanted == CPU else (CPU, *(gpu.uuid for gpu in sensors.gpus if gpu.used))
    fitting = [uuid for uuid in known if uuid == wanted] or [
        uuid for uuid in known if len(wanted) >= 8 and wanted in uuid
    ]
    if len(fitting) != 1:
        why = "fits no board" if not fitting else "fits several boards"
        raise BadInput(
            f"--drive {wanted}", why, f"cpu, all, or one of: {', '.join(known) or 'no GPU here'}"
        )
    return (fitting[0],)


def measure(device: str, host: Host, signals: Signals, progress: Progress) -> Reached:
    """Each kernel alone on the device, one after the other, `TRIES` undisturbed runs of each.

    Raises Interrupted.
    """
    found: list[Limit] = []
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
        found.append(limit)
        if busy is not None and busy < _DISTURBED:
            notes.append(
                f"{name} had its cores for {busy:.0%} of the time: another program, or a quota; "
                "calibrate on an idle machine"
            )
    return Reached(device, _stated(device, host, found, notes) if found else None, tuple(missing))


def _stated(device: str, host: Host, found: list[Limit], notes: list[str]) -> DeviceLimits:
    driver, clocks = state(device, host)
    board = next((gpu for gpu in host.gpus if gpu.uuid == device), None)
    return DeviceLimits(
        device=device,
        name=(board.name if board else host.cpu) or "not known",
        host=host.name,
        driver=driver,
        clocks=clocks,
        threads=host.threads_allowed if device == CPU else None,
        torch=host.libraries.get("torch"),
        limits=tuple(found),
        notes=tuple(notes),
        made_utc=now_utc(),
    )


def _limit(name: LimitName, device: str, signals: Signals) -> tuple[Limit, float | None]:
    """One kernel in a worker of its own, checked; of a CPU also the share of its cores' time that
    it had. Raises BadInput, WorkFailed, Interrupted.
    """
    given, environment = (
        devices(CPU, os.environ) if device == CPU else ("cuda:0", {"CUDA_VISIBLE_DEVICES": device})
    )
    child = Child(environment, signals)
    try:
        ready = _ask(child, do="setup", workload=WORKLOAD, size=name, device=given, settings={})[
            "ready"
        ]
        rates: list[float] = []
        spent: list[float] = []  # of a CPU: share of its cores' time that each run had
        while len(rates) < TRIES or (
            len(rates) < MOST
            and len(spent) == len(rates)
            and sum(share >= _DISTURBED for share in spent) < TRIES
        ):
            before = _cpu_s(child.pid)
            ran = _ask(child, do="run", times=1)
            seconds = ran["end_s"] - ran["start_s"]
            rates.append(ran["work"]["amount"] / seconds)
            after = _cpu_s(child.pid)
            if device == CPU and before is not None and after is not None and ready.get("threads"):
                spent.append((after - before) / (seconds * ready["threads"]))
        failed = [check for check in _ask(child, do="verify")["checks"] if not check["passed"]]
    finally:
        child.close()
    if failed:
        raise WorkFailed(
            f"its result is wrong: {', '.join(str(check['quantity']) for check in failed)}"
        )
    return Limit(name=name, runs=tuple(rates), how=_words(ready)), max(spent, default=None)


def _ask(child: Child, **command: Any) -> dict[str, Any]:
    child.send(**command)
    while not child.answered():
        child.wait(_WAIT_S)
    return child.answer()


def _cpu_s(pid: int) -> float | None:
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


__all__ = ["NAMES", "TRIES", "WORKLOAD", "Interrupted", "Reached", "boards", "measure"]
