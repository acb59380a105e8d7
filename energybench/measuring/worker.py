"""The child that runs a workload: takes commands over a pipe, and answers with times on the shared
clock.

Started as `python -m energybench.measuring.worker COMMANDS EVENTS` (two file descriptors). The
child's stdout is stderr. The child ends with the commands, and does not outlive a killed measuring
process.

    {"do": "setup", "workload", "size", "device", "settings"}   → {"ready": settings, "checkpoint":
        file or null, "regions": […]}
    {"do": "run", "times": k}                                   → {"start_s", "end_s", "work",
        "finished", "regions"}
    {"do": "rehearse", "times": k}                              → as "run", for runs that leave a
        checkpoint as it is
    {"do": "verify"}                                            → {"checks": […], "record": … or
        null}
    {"do": "memory"}                                            → {"memory": … or null}
    {"do": "release"}                                           → {"released": true}
    {"do": "plan", "workload", "study", "device", "settings"}   → {"plan": …}
    any failing command → {"bad": [where, what, remedy],
        "kind"} or {"failed": "one line"}

With a "slot", the child holds several workloads side by side: the variants of one cell of a study
take turns in one process.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from energybench.errors import BadInput, DoesNotFit
from energybench.measuring.forked import die_with_parent
from energybench.measuring.plugin_doubts import catalogued
from energybench.model import Window, Work
from energybench.plugins import (
    Closes,
    CountsMemory,
    KeepsCheckpoint,
    KeepsRecord,
    OffersStudies,
    SpansNodes,
    Workload,
)
from energybench.registry import load


class Worker:
    """Holds the workloads between commands."""

    def __init__(self) -> None:
        self._workloads: dict[int, Workload] = {}  # by slot
        self._regions: list[Window] = []

    @contextmanager
    def region(self, label: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._regions.append(Window(label=label, start_s=start, end_s=time.monotonic()))

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """The reply to a command."""
        self._regions = []
        slot, do = command.get("slot", 0), command["do"]
        if do == "plan":
            return _plan(command)
        if do == "setup":
            return self._set_up(slot, command)
        if do == "release":
            self._release(slot)
            gc.collect()
            return {"released": True}
        if slot not in self._workloads:
            raise BadInput("worker", "asked to work before it was set up")
        workload = self._workloads[slot]
        if do in ("run", "rehearse"):
            return self._run(workload, command["times"], rehearse=do == "rehearse")
        if do == "memory":
            memory = workload.memory() if isinstance(workload, CountsMemory) else None
            return {"memory": msgspec.to_builtins(memory)}
        checks = list(workload.verify())
        record = workload.record() if isinstance(workload, KeepsRecord) else None
        if record is not None:
            doubts = catalogued(record.doubts, "workload-note")
            record = msgspec.structs.replace(record, doubts=doubts)
        return {"checks": msgspec.to_builtins(checks), "record": msgspec.to_builtins(record)}

    def _set_up(self, slot: int, command: dict[str, Any]) -> dict[str, Any]:
        self._release(slot)
        with self.region("setup"):
            workload = self._workloads[slot] = load("workloads", command["workload"])
            try:
                workload.setup(command["size"], command["device"], self.region, command["settings"])
            except BaseException:
                self._release(slot)
                raise
        keeper = _keeper(workload)
        return {
            "ready": dict(workload.settings()),
            "checkpoint": keeper.checkpoint() if keeper else None,
            "regions": self._built_regions(),
        }

    def _run(self, workload: Workload, times: int, *, rehearse: bool) -> dict[str, Any]:
        keeper = _keeper(workload)
        once = keeper.rehearse if keeper and rehearse else workload.run
        # on several nodes the windows of all nodes begin and end together
        meet = workload.meet if isinstance(workload, SpansNodes) else _alone
        meet()
        start = time.monotonic()
        works = [once(self.region) for _ in range(times)]
        meet()
        end = time.monotonic()
        return {
            "start_s": start,
            "end_s": end,
            "work": msgspec.to_builtins(_sum(works)),
            "regions": self._built_regions(),
            "finished": keeper is not None and keeper.finished(),
        }

    def _release(self, slot: int) -> None:
        workload = self._workloads.pop(slot, None)
        if isinstance(workload, Closes):
            with suppress(Exception):  # the measurements stand
                workload.close()

    def close(self) -> None:
        """Let go of every workload."""
        for slot in tuple(self._workloads):
            self._release(slot)

    def _built_regions(self) -> list[Any]:
        return [msgspec.to_builtins(window) for window in self._regions]


def _alone() -> None:
    """The meeting of a single node."""


def _keeper(workload: Workload) -> KeepsCheckpoint | None:
    """The workload if runs go on from a checkpoint."""
    if isinstance(workload, KeepsCheckpoint) and workload.checkpoint() is not None:
        return workload
    return None


def _plan(command: dict[str, Any]) -> dict[str, Any]:
    """The workload's plan of a study on the device."""
    name, study = command["workload"], command["study"]
    workload = load("workloads", name)
    offered = list(workload.studies) if isinstance(workload, OffersStudies) else []
    if study not in offered:
        raise BadInput(
            f"study {study}",
            f"{name} does not offer a study of this name",
            f"have: {', '.join(offered)}" if offered else f"{name} does not offer any",
        )
    plan = workload.plan(study, command["device"], command["settings"])
    return {"plan": msgspec.to_builtins(plan)}


def _sum(works: list[Work]) -> Work:
    """The work of several runs of a problem."""
    first = works[0]
    if any((work.unit, work.fingerprint) != (first.unit, first.fingerprint) for work in works):
        raise BadInput(
            "workload",
            "two of its runs did different work",
            "a workload's problem is fixed by its set-up",
        )
    flops = moved = None
    if first.flops is not None:
        flops = sum(work.flops for work in works if work.flops is not None)
    if first.bytes is not None:
        moved = sum(work.bytes for work in works if work.bytes is not None)
    return msgspec.structs.replace(
        first, amount=sum(work.amount for work in works), flops=flops, bytes=moved
    )


def _place(error: BaseException) -> str:
    """'ValueError: text (file.py:12)': error and place in the workload, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}{at}"


def main(commands_fd: int, events_fd: int) -> None:
    """Serve until the commands end."""
    die_with_parent()
    worker = Worker()
    with (
        os.fdopen(commands_fd, "r", encoding="utf-8") as commands,
        os.fdopen(events_fd, "w", encoding="utf-8", buffering=1) as events,
    ):
        for line in commands:
            try:
                reply = worker.answer(json.loads(line))
            except BadInput as error:
                reply = {
                    "bad": [error.where, error.what, error.remedy],
                    "kind": type(error).__name__,
                }
            except KeyboardInterrupt:
                return
            except MemoryError:
                reply = {
                    "bad": ["worker", "ran out of memory", "a smaller problem"],
                    "kind": DoesNotFit.__name__,
                }
            except Exception as error:
                reply = {"failed": _place(error)}
            try:
                events.write(json.dumps(reply) + "\n")
            except BrokenPipeError:  # the measuring process has been killed
                os._exit(0)
        worker.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
