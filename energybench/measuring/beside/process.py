"""The sampling process beside a Python program.

Started by `energybench.api.starting` with two descriptors: a socket to the caller, and a pidfd of
the caller. The caller stamps its own times and states them afterwards; only before a block begins
does the caller wait for an answer. Messages of the caller, all but the first about the run with a
number:

    {"do": "here"}                      → {"here", "opening"}: the process runs. "opening": it is
                                          about to open drivers, which may take a while

    {"do": "open", "run", "label", "store", "temporary", "boundary", "idle_s", "command",
        "collectors", "visible_devices", "device_order", "root", "session", "ranks",
        "counts_repeats"}
                                        no answer; a failure is told to `approach`
    {"do": "approach", "run", "n"}      → {"n", "go": true} once the edge is sampled fast, or
                                          {"n", "refused": [code, message, remedy]}
    {"do": "begun", "run", "start_s"}   the window has begun
    {"do": "ended", "run", "start_s", "end_s", "cut", "work"}
    {"do": "settle", "run", "n"}        → {"n", "go": true} once the idle phase after is measured
    {"do": "regions", "run", "regions"} each [label, repeat, start_s, end_s]
    {"do": "work" | "check" | "doubt", "run", …}
    {"do": "more", "run", "n", "target_rel", "at_most"}  → {"n", "more"}
    {"do": "so_far", "run", "n", "regions"}              → {"n", "measurement": {…} or null}
    {"do": "sensors", "run", "n"}       → {"n", "sensors", "absent", "estimated", "shortest_s",
                                                     "largest_w"}
    {"do": "finish", "run", "n"}        → {"n", "directory"} or {"n", "refused": …}; "n" null: the
                                          caller has given the run up, and wants no answer

The process ends when its caller ends (the pidfd tells, because a forked child of the caller may
hold the socket), and saves what there is; a temporary store is removed if the caller has ended. No
signal but SIGKILL ends the process before.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import sys

# before numpy is imported: its threads inherit the mask
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

from contextlib import suppress  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy.random  # noqa: E402, F401 - else loaded in the caller's first open block that is read

from energybench.errors import BadInput, StorageFailed, in_one_line  # noqa: E402
from energybench.measuring.beside.election import Election  # noqa: E402
from energybench.measuring.beside.finishing import Finishing  # noqa: E402
from energybench.measuring.beside.packets import Closed, Packets  # noqa: E402
from energybench.measuring.beside.readers import Readers, Refusal  # noqa: E402
from energybench.measuring.beside.run import BesideRun  # noqa: E402
from energybench.measuring.clock import MonotonicClock  # noqa: E402
from energybench.measuring.readings import Tick  # noqa: E402
from energybench.measuring.spawning import wait_for  # noqa: E402
from energybench.store.liveness import process_started  # noqa: E402

_FOREVER_S = 1e6
_LONGEST_END_S = 10.0  # longest sampling after the end of a block
_CALLER_ENDS_S = 10.0  # from the end of the connection to the end of the process, on a busy machine
_LAST_FINISH_S = 120.0  # patience with the storage after the caller has ended


class Beside:
    """Serves one caller until the caller ends."""

    def __init__(self, packets: Packets, caller_fd: int, caller_pid: int) -> None:
        self._packets, self._caller_fd, self._caller_pid = packets, caller_fd, caller_pid
        self._election = Election()
        self._clock = MonotonicClock()
        self._readers = Readers(self._clock, self._sink, self._wait, caller_pid)
        self._runs: dict[int, BesideRun] = {}
        self._refusals: dict[int, Refusal] = {}
        self._finished: set[int] = set()  # runs whose results were asked for
        self._finishing = Finishing()
        self._inbox: list[dict[str, Any]] = []
        self._temporary: set[str] = set()  # stores
        self._caller_gone = False

    def serve(self) -> None:
        self._send({"pid": os.getpid(), "began": process_started(os.getpid())})
        while not self._caller_gone:
            self._take_messages()
            self._answer_finished()
            self._turn()
        self._save_all()

    # ------------------------------------------------------------ waiting and sampling

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        """Wait until a time, or until something comes from the caller, a sensor or the storage."""
        callers = () if self._caller_gone else (self._packets.fileno(), self._caller_fd)
        ready = wait_for((self._finishing.fd, *callers, *fds), until_s - self._clock.now())
        if self._caller_fd in ready:
            self._caller_gone = True
        if self._packets.fileno() in ready and not self._caller_gone:
            self._receive()

    def _receive(self) -> None:
        try:
            while (message := self._packets.receive()) is not None:
                if message["do"] == "regions":
                    self._take(message)  # at once: the sampling goes on meanwhile
                else:
                    self._inbox.append(message)
        except Closed:
            self._caller_gone = True

    def _something_came(self) -> bool:
        return bool(self._inbox) or self._caller_gone or self._finishing.ready()

    def _turn(self) -> None:
        """Sample until the next stage of a run is over, or something comes."""
        now_s = self._clock.now()
        for run in list(self._runs.values()):  # a run that is over is handed over, and goes
            run.advance(now_s)
            for answer in run.taken_answers():
                self._send(answer)
        until_s = min([now_s + _FOREVER_S, *(run.until_s for run in self._runs.values())])
        reader = self._readers.reader
        if reader is None or not any(run.sampled for run in self._runs.values()):
            if not self._something_came():
                self._wait(until_s)
        elif any(run.fast for run in self._runs.values()):
            reader.sampler.burst(until_s - now_s, self._something_came)
        else:
            reader.sampler.base(self._something_came, until_s)

    def _sink(self, tick: Tick) -> None:
        looks = self._readers.looks()
        for run in self._runs.values():
            if run.sampled:
                run.take(tick, looks)
                part = run.open.next_part(tick.due_s)
                if part is not None:
                    self._finishing.add(run.parts, part)

    # ------------------------------------------------------------ messages

    def _take_messages(self) -> None:
        while self._inbox:
            message = self._inbox.pop(0)
            if message["do"] == "here":
                self._say_here()
            else:
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        """A message about a run."""
        try:
            self._handle(message)
        except Refusal as refusal:
            self._refuse(message, refusal)
        except Exception as error:  # costs this run, and no other
            self._runs.pop(message["run"], None)
            failure = Refusal(f"the sampling process failed: {in_one_line(error)}", "")
            self._refusals[message["run"]] = failure
            self._refuse(message, failure)

    def _handle(self, message: dict[str, Any]) -> None:
        number, task = message["run"], message["do"]
        if task == "open":
            try:
                self._runs[number] = self._opened(message)
            except Refusal as refusal:
                self._refusals[number] = refusal
            return
        run = self._runs.get(number)
        if run is None:
            raise self._refusals.get(number) or Refusal("no such run", "")
        if task == "finish":
            self._finished.add(number)
            run.leave_open_window()
            run.when_left(lambda: self._finish(run, message["n"]))
        elif task == "sensors":
            self._send({"n": message["n"], **self._readers.description()})
        elif task == "so_far":
            self._finishing.look(run, message["n"], regions=message["regions"])
        elif task == "ended":
            run.handle(message)
            self._note_overlap(run)
        else:
            run.handle(message)

    def _say_here(self, *, opening: bool = False) -> None:
        self._send({"here": True, "opening": opening})

    def _opened(self, message: dict[str, Any]) -> BesideRun:
        if message["temporary"]:
            self._temporary.add(message["store"])
        if message["ranks"] is not None:
            self._elect(message)
        try:
            self._say_here(opening=True)
            try:
                if not self._readers.fits(message):
                    self._sample_ends()
                reader = self._readers.fitting(message, busy=bool(self._runs))
            finally:
                self._say_here()
            return BesideRun(message, reader, self._readers.host, self._clock)
        except BadInput as error:
            raise Refusal(f"{error.where}: {error.what}", error.remedy) from None
        except StorageFailed as error:
            raise Refusal(str(error), "name a store that can be written") from None

    def _sample_ends(self) -> None:
        """Let the runs go whose blocks are over and whose results are asked for: their sensors may
        then be closed.
        """
        inbox, self._inbox = self._inbox, []
        until_s = self._clock.now() + _LONGEST_END_S
        while not self._finished.isdisjoint(self._runs) and self._clock.now() < until_s:
            self._turn()
            inbox += self._inbox  # a message that waits would end every turn at once
            self._inbox = []
        self._inbox = inbox

    def _elect(self, message: dict[str, Any]) -> None:
        """Raises Refusal if another rank of the job measures this node."""
        job, rank, count = message["ranks"]
        store = Path(message["store"]).resolve()
        statement = f"rank {rank} of the {count} on this node (process {self._caller_pid}, {store})"
        winner = self._election.winner(job, statement)
        if winner is not None:
            raise Refusal(
                f"{winner} measures this node for all ranks",
                "the result of that rank holds the energy of the whole node",
                "measured-elsewhere",
            )

    def _note_overlap(self, ended: BesideRun) -> None:
        """Add a doubt to every two runs whose windows overlap in time."""
        for other in self._runs.values():
            if other is not ended and other.window_open:
                ended.overlaps(other)
                other.overlaps(ended)

    def _refuse(self, message: dict[str, Any], refusal: Refusal) -> None:
        if message.get("n") is not None:
            self._send({"n": message["n"], "refused": refusal.entry})

    def _send(self, message: dict[str, Any]) -> None:
        with suppress(Closed):  # the pidfd tells that the caller has ended
            self._packets.send(message)

    # ------------------------------------------------------------ the end

    def _finish(self, run: BesideRun, n: int | None) -> None:
        """Hand a run over to be analysed and written, beside the sampling."""
        if self._runs.pop(run.number, None) is None:
            return  # the question came twice
        run.before_finish(self._readers)
        self._finishing.begin(run, n)

    def _answer_finished(self) -> None:
        for answer in self._finishing.taken():
            self._send(answer)

    def _save_all(self) -> None:
        """The caller has ended: keep every run, and the measured part of an open window."""
        self._take_messages()
        for run in list(self._runs.values()):
            run.caller_ended()
        while any(math.isfinite(run.until_s) for run in self._runs.values()):
            self._turn()
        for run in list(self._runs.values()):
            self._finish(run, None)
        self._finishing.wait_for_all(_LAST_FINISH_S)
        self._readers.close()
        self._remove_temporary()

    def _remove_temporary(self) -> None:
        """Remove temporary stores if the caller has ended. A process that ends closes its files a
        moment before; one that goes on, and has only closed the connection, uses the stores.
        """
        self._packets.close()  # for whose end the caller waits
        if self._temporary and wait_for((self._caller_fd,), _CALLER_ENDS_S):
            for store in self._temporary:
                shutil.rmtree(store, ignore_errors=True)


def main() -> None:
    """Serve the caller whose socket, pidfd and process number are the arguments."""
    end, caller_fd, caller_pid = (int(word) for word in sys.argv[1:4])
    packets = Packets(socket.socket(fileno=end))
    os.set_inheritable(caller_fd, False)
    try:
        Beside(packets, caller_fd, caller_pid).serve()
    except Exception as error:
        with suppress(Closed):
            packets.send(
                {
                    "n": -1,
                    "refused": ["sampler-gone", f"the sampler failed: {in_one_line(error)}", ""],
                }
            )
        raise


if __name__ == "__main__":
    main()
