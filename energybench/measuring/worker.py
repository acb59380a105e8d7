"""The child that runs a workload: told what to do over a pipe, answers with times on the shared
clock.

Started as `python -m energybench.measuring.worker COMMANDS EVENTS` (two file descriptors). Its
stdout is stderr. It ends when the commands end, so that it does not outlive a measuring side that
was killed.

    {"do": "setup", "workload", "size", "device", "settings"}   → {"ready": settings, "checkpoint":
        file or null, "regions": […]}
    {"do": "run", "times": k}                                   → {"start_s", "end_s", "work",
        "finished", "regions"}
    {"do": "rehearse", "times": k}                              → the same, of runs that leave a
        checkpoint as it is
    {"do": "verify"}                                            → {"checks": […], "record": … or
        null}
    {"do": "memory"}                                            → {"memory": … or null}
    {"do": "release"}                                           → {"released": true}
    {"do": "plan", "workload", "study", "device", "settings"}   → {"plan": …}
    anything that goes wrong                                    → {"bad": [where, what, remedy],
        "kind"} or {"failed": "one line"}

With a "slot", several workloads are held side by side: the variants of one cell of a study take
turns in one process.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from energybench.errors import BadInput, DoesNotFit
from energybench.model import Window, Work
from energybench.plugins import (
    Closes,
    CountsMemory,
    KeepsCheckpoint,
    KeepsRecord,
    OffersStudies,
    RegionFactory,
    Workload,
    load,
)


class Worker:
    """Holds the workloads between commands."""

    def __init__(self) -> None:
        self._held: dict[int, Workload] = {}
        self._regions: list[Window] = []

    @contextmanager
    def region(self, label: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._regions.append(Window(label=label, start_s=start, end_s=time.monotonic()))

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """What to send back for one command."""
        self._regions = []
        slot = command.get("slot", 0)
        if command["do"] == "plan":
            return _plan(command)
        if command["do"] == "setup":
            self._release(slot)
            with self.region("setup"):
                workload = self._held[slot] = load("workloads", command["workload"])
                try:
                    workload.setup(
                        command["size"], command["device"], self.region, command["settings"]
                    )
                except BaseException:
                    self._release(slot)
                    raise
            going_on = _going_on(workload)
            return {
                "ready": dict(workload.settings()),
                "checkpoint": going_on.checkpoint() if going_on else None,
                "regions": self._taken(),
            }
        if command["do"] == "release":
            self._release(slot)
            gc.collect()
            return {"released": True}
        if slot not in self._held:
            raise BadInput("worker", "asked to work before it was set up")
        held = self._held[slot]
        if command["do"] in ("run", "rehearse"):
            going_on = _going_on(held)
            ran = self._run(
                going_on.rehearse if going_on and command["do"] == "rehearse" else held.run,
                command["times"],
            )
            return {**ran, "finished": going_on is not None and going_on.finished()}
        if command["do"] == "memory":
            return {
                "memory": msgspec.to_builtins(held.memory())
                if isinstance(held, CountsMemory)
                else None
            }
        checks = msgspec.to_builtins(list(held.verify()))
        return {
            "checks": checks,
            "record": msgspec.to_builtins(held.record()) if isinstance(held, KeepsRecord) else None,
        }

    def _release(self, slot: int) -> None:
        held = self._held.pop(slot, None)
        if isinstance(held, Closes):
            with suppress(Exception):  # what it has measured stands
                held.close()

    def close(self) -> None:
        """Let go of every workload."""
        for slot in tuple(self._held):
            self._release(slot)

    def _run(self, once: Callable[[RegionFactory], Work], times: int) -> dict[str, Any]:
        start = time.monotonic()
        works = [once(self.region) for _ in range(times)]
        end = time.monotonic()
        return {
            "start_s": start,
            "end_s": end,
            "work": msgspec.to_builtins(_sum(works)),
            "regions": self._taken(),
        }

    def _taken(self) -> list[Any]:
        return [msgspec.to_builtins(window) for window in self._regions]


def _going_on(workload: Workload) -> KeepsCheckpoint | None:
    """The workload, where its runs go on from a file."""
    return (
        workload
        if isinstance(workload, KeepsCheckpoint) and workload.checkpoint() is not None
        else None
    )


def _plan(command: dict[str, Any]) -> dict[str, Any]:
    """A study, as its workload offers it on this device."""
    name, study = command["workload"], command["study"]
    workload = load("workloads", name)
    known = list(workload.studies) if isinstance(workload, OffersStudies) else []
    if study not in known:
        raise BadInput(
            f"study {study}",
            f"{name} does not offer a study of this name",
            f"have: {', '.join(known)}" if known else f"{name} does not offer any",
        )
    return {
        "plan": msgspec.to_builtins(workload.plan(study, command["device"], command["settings"]))
    }


def _sum(works: list[Work]) -> Work:
    """The work of several runs of one problem."""
    first = works[0]
    if any((work.unit, work.fingerprint) != (first.unit, first.fingerprint) for work in works):
        raise BadInput(
            "workload",
            "two runs of it did different work",
            "a workload's problem is fixed by its set-up",
        )
    flops = (
        sum(work.flops for work in works if work.flops is not None)
        if first.flops is not None
        else None
    )
    moved = (
        sum(work.bytes for work in works if work.bytes is not None)
        if first.bytes is not None
        else None
    )
    return msgspec.structs.replace(
        first, amount=sum(work.amount for work in works), flops=flops, bytes=moved
    )


def _place(error: BaseException) -> str:
    """'ValueError: text (file.py:12)': where a workload failed, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}{at}"


def main(commands_fd: int, events_fd: int) -> None:
    """Serve until the commands end."""
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
            except BrokenPipeError:  # whoever asked has been killed
                os._exit(0)
        worker.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
