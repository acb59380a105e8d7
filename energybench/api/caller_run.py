"""The caller's half of a run: messages to the sampling process, and the result."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from energybench.api.link import (
    ANSWER_PATIENCE_S,
    OPEN_PATIENCE_S,
    RESULT_PATIENCE_S,
    Gone,
    Link,
    link,
)
from energybench.api.log import log_not_measured
from energybench.api.opening import NoWorkingDirectory, opening
from energybench.api.region_times import RegionTime, RegionTimes
from energybench.errors import in_one_line
from energybench.real_system import getpid

if TYPE_CHECKING:
    from energybench.api.results import Result

_numbers = itertools.count()
_REST_S = 30.0  # longest rest and edges around an idle phase after the work
_SILENT = "the sampling process has ended or does not read its messages"

# Runs with ended blocks whose results are not yet requested.
_ended: weakref.WeakSet[CallerRun] = weakref.WeakSet()
_ended_lock = threading.Lock()


class Options(NamedTuple):
    """How blocks are measured. A NamedTuple, because dataclasses would double the time of the
    import.

    store       folder for the directories of the runs
    boundary    parts of the node covered by the energy
    idle_s      length of the idle phases before and after a block, s; 0: no idle phases
    collectors  names of the only collectors to open; empty: every working collector
    root        prefix of /sys, /proc and /dev
    session     identifier shared by interleaved runs; None: a run alone
    block       block of the interleaved runs; None: a run alone
    temporary   whether the store is removed if the program ends without removing it
    """

    store: str
    boundary: str = "compute"
    idle_s: float = 0.0
    collectors: tuple[str, ...] = ()
    root: str = "/"
    session: str | None = None
    block: int | None = None
    temporary: bool = False


class CallerRun:
    """A run. Any failure leaves the caller's work alone: `refusal` then states the reason for a
    missing result.

    refusal  code, message and remedy of the doubt about a run without a result; None: measured
    """

    def __init__(self, label: str, options: Options, *, counts_repeats: bool = False) -> None:
        self.label, self.options = label, options
        self.number = next(_numbers)
        self.refusal: tuple[str, str, str] | None = None
        self._counts_repeats = counts_repeats
        self._pid = getpid()
        self._link: Link | None = None
        self._result_lock = threading.RLock()  # several threads may ask for the result
        self._asked: int | None = None  # number of the question for the result
        self._result: Result | None = None
        self._windows, self._retried = 0, False  # number of windows that have begun
        self._doubted: set[tuple[str, str]] = set()
        self._regions = RegionTimes()

    # ------------------------------------------------------------ windows

    def open(self) -> None:
        """Open the run in the sampling process, started if necessary."""
        finish_ended()
        try:
            self._open()
        except Gone as gone:
            self._gone(gone)
        except NoWorkingDirectory as gone:
            self._refuse("block-not-measured", str(gone), "name an absolute path as the store")
        except (OSError, ImportError) as error:  # the descriptors are used up
            if isinstance(error, OSError) and error.errno is None:
                raise  # by a signal handler of the program, such as a TimeoutError
            self._refuse("block-not-measured", f"not opened: {in_one_line(error)}", "")

    def _open(self) -> None:
        message = opening(self.label, self.options, counts_repeats=self._counts_repeats)
        self._link = link()
        if not self._link.tell(run=self.number, **message):
            raise Gone(_SILENT)
        # modules for `work`, `so_far` and the result, imported while the sampling process opens its
        # sensors: a first import inside a block would be a part of the block
        import energybench.api.results
        import energybench.model  # noqa: F401

    def sensors(self) -> dict[str, Any] | None:
        """The open sensors, as in `Readers.description`; None: nothing is measured."""
        answer = self._ask_before_windows(OPEN_PATIENCE_S, do="sensors")
        if answer is not None and "refused" in answer:
            self._refuse(*answer["refused"])
            return None
        return answer

    def approach(self, at_most: int | None = None) -> None:
        """Wait until the sensors are sampled fast, just before a window."""
        patience_s = OPEN_PATIENCE_S + self.options.idle_s
        answer = self._ask_before_windows(patience_s, do="approach", at_most=at_most)
        if answer is not None and "refused" in answer:
            self._refuse(*answer["refused"])

    def begun(self, start_s: float) -> None:
        self._windows += 1
        self._tell(do="begun", start_s=start_s)

    def ended(
        self,
        start_s: float,
        end_s: float,
        *,
        cut: str | None = None,
        work: Mapping[str, Any] | None = None,
    ) -> None:
        self._tell(
            do="ended",
            start_s=start_s,
            end_s=end_s,
            cut=cut,
            work=work,
            block=self.options.block,
        )
        self._tell_regions()

    def settle(self) -> None:
        """Wait for the idle phase after the work, if requested."""
        if self.options.idle_s > 0:
            self._ask(self.options.idle_s + _REST_S, do="settle")

    def may_finish(self) -> None:
        """The windows are over: the result may be made on request, or when the next block
        begins.
        """
        self.warn()
        with _ended_lock:
            _ended.add(self)

    def region(self, label: str, start_s: float, end_s: float) -> None:
        """A block inside has ended, of the present repeat."""
        if self._regions.add(RegionTime(label, self._windows - 1, start_s, end_s)):
            self._tell_regions()

    def _tell_regions(self) -> None:
        if (connection := self._connection()) is not None:
            self._regions.tell(connection, self.number)

    def work(self, repeat: int, work: Mapping[str, Any]) -> None:
        self._tell(do="work", repeat=repeat, work=work)

    def check(self, check: Mapping[str, Any]) -> None:
        self._tell(do="check", check=check)

    def doubt(self, code: str, message: str, remedy: str, subject: str = "") -> None:
        doubt = {"code": code, "message": message, "remedy": remedy, "subject": subject}
        self._tell(do="doubt", doubt=doubt)

    def doubt_once(self, code: str, message: str, remedy: str, subject: str) -> None:
        """The doubt about the subject, stated only once."""
        if (code, subject) not in self._doubted:
            self._doubted.add((code, subject))
            self.doubt(code, message, remedy, subject)

    def wants_more(self, target_rel: float, at_most: int) -> bool:
        """Whether the scatter of the repeats asks for a further repeat."""
        answer = self._ask(ANSWER_PATIENCE_S, do="more", target_rel=target_rel, at_most=at_most)
        return bool(answer is not None and answer.get("more", False))

    # ------------------------------------------------------------ results

    def warn(self) -> None:
        """Tell the program's log if the run is not measured."""
        if self.refusal is not None:
            log_not_measured(self.label, self.refusal[1])

    @property
    def asked(self) -> bool:
        """Whether the result is being made: nothing can be added any more."""
        return self._asked is not None or self._result is not None

    def finish(self) -> None:
        """Have the result made, without waiting for the result."""
        if self.elsewhere:  # a thread of the parent may have held the lock
            return
        with self._result_lock:
            if self.asked or self._link is None or self.refusal is not None:
                return
            self._regions.owe(self._link, self.number)
            if (left_out := self._regions.doubt(self.label)) is not None:
                self.doubt(*left_out)
            try:
                self._asked = self._link.post(do="finish", run=self.number)
            except Gone as gone:
                self._gone(gone)

    def result(self) -> Result:
        """The result, waited for."""
        if self.elsewhere:
            return self._waited_for()
        with self._result_lock:
            return self._waited_for()

    def _waited_for(self) -> Result:
        from pathlib import Path

        from energybench.api.results import Result

        if self._result is None:
            if self.elsewhere:
                self._refuse(
                    "block-not-measured",
                    f"this process was forked inside the block, which process {self._pid} measures",
                    "read the result there",
                )
            self.finish()
            directory = None
            if self._asked is not None and self._link is not None and self.refusal is None:
                try:
                    answer = self._link.answer(self._asked, RESULT_PATIENCE_S)
                except Gone as gone:
                    self._gone(gone)
                else:
                    if "refused" in answer:
                        self._refuse(*answer["refused"])
                    else:
                        directory = Path(answer["directory"])
            self._result = Result.of(self.label, directory, self.refusal)
        return self._result

    def so_far(self, *, regions: bool = False) -> Result | None:
        """The result of the open run up to now; None: nothing is measured.

        regions  whether the result has regions, for which all samples so far are read
        """
        if regions and (connection := self._connection()) is not None:
            self._regions.owe(connection, self.number)
        number = self._post(do="so_far", regions=regions)
        # imported while the sampling process works, because the caller's block goes on
        from energybench.api.results import Result

        answer = None if number is None else self._answer(number, ANSWER_PATIENCE_S)
        if answer is None or answer.get("measurement") is None:
            return None
        return Result.partial(self.label, answer["measurement"])

    # ------------------------------------------------------------ the connection

    @property
    def elsewhere(self) -> bool:
        """Whether this is a forked child, and the run belongs to the parent."""
        return getpid() != self._pid

    def _connection(self) -> Link | None:
        """The connection over which the run goes on; None: no connection."""
        return None if self.refusal is not None or self.elsewhere else self._link

    def _tell(self, **message: Any) -> None:
        connection = self._connection()
        if connection is not None and not connection.tell(run=self.number, **message):
            self._gone(Gone(connection.failure or _SILENT))

    def _ask(self, patience_s: float, **message: Any) -> dict[str, Any] | None:
        number = self._post(**message)
        return None if number is None else self._answer(number, patience_s)

    def _ask_before_windows(self, patience_s: float, **message: Any) -> dict[str, Any] | None:
        """As `_ask`. If the sampling process of earlier blocks has ended since and no window has
        begun, once more with a new process.
        """
        answer = self._ask(patience_s, **message)
        if self._windows or self.refusal is None or self._retried:
            return answer
        self.refusal, self._retried, self.number = None, True, next(_numbers)
        self.open()
        return self._ask(patience_s, **message)

    def _post(self, **message: Any) -> int | None:
        """Send a question; the number for `_answer`, None: nobody answers."""
        if (connection := self._connection()) is None:
            return None
        try:
            return connection.post(run=self.number, **message)
        except Gone as gone:
            self._gone(gone)
            return None

    def _answer(self, number: int, patience_s: float) -> dict[str, Any] | None:
        assert self._link is not None
        try:
            return self._link.answer(number, patience_s)
        except Gone as gone:
            self._gone(gone)
            return None

    def _gone(self, gone: Gone) -> None:
        if self._link is None:
            remedy = (
                "let the program start a process and open files (limits, filter of a container)"
            )
        else:
            store = self.options.store
            remedy = f"samples taken before stay in {store}: energybench recover {store}"
            if not self.elsewhere:
                # a process that goes on must not hold the block open
                self._link.owe(do="finish", run=self.number, n=None)
        self._refuse("sampler-gone", str(gone), remedy)

    def _refuse(self, code: str, message: str, remedy: str) -> None:
        if self.refusal is None:
            self.refusal = (code, message, remedy)


def finish_ended() -> None:
    """Have the results of all ended blocks made: a new block begins."""
    with _ended_lock:
        runs = list(_ended)
        _ended.clear()
    for run in runs:
        run.finish()
