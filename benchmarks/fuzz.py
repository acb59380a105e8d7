"""Damaged files and arguments through the real command line, in a few long-lived processes.

    python benchmarks/fuzz.py --count 10000 --seed 1 [--jobs 2] [--only 137]

Every case damages one valid input (a run, its samples, a run that was cut off, a study, a
comparison, a scenario, a replay, a meter's file, a profile, the arguments) and runs a command that
reads the input. A case fails if the command raises, warns, hangs, ends with an exit code that no
document names, or prints control characters or an endless line. The exit code is the number of
failed cases, at most 100. `--only` repeats a single case and prints its output.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "fuzzing"))

import cases
import corpus

import energybench
from energybench.cli.main import main as command_line

DATA = Path(energybench.__file__).parent / "data"
# 0 success, 1 the work or its check failed, 2 a person's mistake, 125 to 127 as in `measure`
CODES = (0, 1, 2, 125, 126, 127)
LIMIT_S = 20.0  # of processor time: a busy machine may take longer
LONGEST = 1400  # characters of a line on stderr
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COMPLAINT = re.compile(r"Traceback|Warning\b|^\s+File \"", re.M)


class Hang(BaseException):
    """A case took too long. Not an Exception, so that no handler of the program takes it."""


class Failure(NamedTuple):
    number: int
    kind: str
    arguments: list[str]
    reason: str
    output: str


class Fuzzer:
    """Runs cases against a corpus that was made once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._folder = Path(tempfile.mkdtemp(prefix="energybench-fuzz-"))
        os.environ["ENERGYBENCH_PROFILES"] = str(self._folder / "no-profiles")
        signal.signal(signal.SIGVTALRM, _hang)
        _, output = _captured(self._make)
        if output.startswith("Traceback"):
            raise SystemExit(output)

    def _make(self) -> int:
        self._kinds = corpus.make(self._folder, DATA)
        return 0

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def case(self, number: int) -> tuple[Failure | None, str]:
        """Run a case; its failure, and its output."""
        random_ = random.Random(f"{self._seed}/{number}")
        folder = self._folder / "case"
        folder.mkdir()
        before = Path.cwd()
        os.chdir(folder)
        try:
            kind, words = cases.arguments(self._kinds, folder, random_)
            signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
            try:
                code, output = _captured(lambda: command_line(words))
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        finally:
            os.chdir(before)
            shutil.rmtree(folder, ignore_errors=True)
        reason = _reason(code, output)
        shown = f"energybench {words!r} ended with {code}\n{output}"
        if reason is None:
            return None, shown
        return Failure(number, kind, [word[:80] for word in words], reason, output[-3000:]), shown


def _hang(number: int, frame: object) -> None:
    raise Hang


def _captured(run: object) -> tuple[int | None, str]:
    """Exit code and output; None for an exception, whose traceback ends the output."""
    streams = sys.stdout, sys.stderr
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
    sys.stdout, sys.stderr = out, err
    code: int | None = None
    text = ""
    try:
        with warnings.catch_warnings():
            warnings.resetwarnings()
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            warnings.simplefilter("ignore", ResourceWarning)
            code = run()  # type: ignore[operator]
    except Hang:
        text = "Hang\n" + traceback.format_exc()
    except (Exception, SystemExit):
        text = traceback.format_exc()
    finally:
        sys.stdout, sys.stderr = streams
    err.flush()
    out.flush()
    printed = out.buffer.getvalue() + err.buffer.getvalue()  # type: ignore[attr-defined]
    return code, text + printed.decode("utf-8", "replace")


def _reason(code: int | None, output: str) -> str | None:
    """Why the case failed; None if it passed."""
    if code is None:
        return "hang" if output.startswith("Hang") else "exception"
    if code not in CODES:
        return f"exit code {code}"
    if complaint := _COMPLAINT.search(output):
        return f"prints {complaint[0]!r}"
    if control := _CONTROL.search(output):
        return f"prints the control character {control[0]!r}"
    longest = max(
        (line for line in output.split("\n") if line.startswith("energybench: ")),
        key=len,
        default="",
    )
    if len(longest) > LONGEST:
        return f"prints an error line of {len(longest)} characters"
    return None


def part(numbers: range, seed: int) -> Iterator[Failure]:
    """The failures of some cases, as they come."""
    fuzzer = Fuzzer(seed)
    try:
        for number in numbers:
            failure, _ = fuzzer.case(number)
            if failure is not None:
                yield failure
    finally:
        fuzzer.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this case alone, and print its output")
    parser.add_argument("--lines", action="store_true", help="print failures as JSON lines")
    asked = parser.parse_args()
    if asked.only is not None:
        fuzzer = Fuzzer(asked.seed)
        failure, output = fuzzer.case(asked.only)
        fuzzer.close()
        print(output)
        print("passed" if failure is None else f"failed: {failure.reason}")
        return int(failure is not None)
    begin_s = time.monotonic()
    numbers = range(asked.first, asked.first + asked.count)
    if asked.jobs == 1:
        found = part(numbers, asked.seed)
    else:
        found = _in_processes(numbers, asked.seed, asked.jobs)
    failures = 0
    for failure in found:
        failures += 1
        print(json.dumps(failure._asdict()) if asked.lines else _shown(failure), flush=True)
    if not asked.lines:
        seconds = time.monotonic() - begin_s
        print(f"{asked.count} cases, {failures} failed, {seconds:.0f} s, seed {asked.seed}")
    return min(failures, 100)


def _in_processes(numbers: range, seed: int, jobs: int) -> Iterator[Failure]:
    share = -(-len(numbers) // jobs)
    workers = []
    for first in range(numbers.start, numbers.stop, share):
        count = min(share, numbers.stop - first)
        words = [f"--count={count}", f"--first={first}", f"--seed={seed}", "--lines"]
        command = [sys.executable, __file__, *words]
        workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    for worker in workers:
        lines = worker.communicate()[0].splitlines()
        yield from (Failure(**json.loads(line)) for line in lines)
        if worker.returncode < 0 or (worker.returncode and not lines):
            yield Failure(-1, "", [], f"a worker ended with {worker.returncode}", "")


def _shown(failure: Failure) -> str:
    return (
        f"--only {failure.number} ({failure.kind}): {failure.reason}\n"
        f"  energybench {failure.arguments}\n  " + failure.output[-1500:].replace("\n", "\n  ")
    )


if __name__ == "__main__":
    sys.exit(main())
