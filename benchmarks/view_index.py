"""How long `energybench view` takes to show a store of many runs: first, and with its index.

    python benchmarks/view_index.py [--runs 10000]

Goals for 10,000 runs: less than 20 s from the command to its address the first time, and less than
1 s after that, for each page of the table and for another start of the command. They are goals of
processor time, of all processes of the command; by the clock it takes longer on a machine that does
other work, and less with several processors, which read the runs together.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulators live with the tests

from tests.simulators.run_copies import write_store

FIRST_GOAL_S, NEXT_GOAL_S = 20.0, 1.0
QUERIES = ("", "?sort=-energy", "?sort=host&page=50", "?q=node-07&workload=milc+32+cuda")


class Took(NamedTuple):
    """Processor time and time by the clock."""

    cpu_s: float
    wall_s: float

    def words(self, goal_s: float) -> str:
        late = f"   above {goal_s:g} s" if self.cpu_s > goal_s else ""
        return f"{self.cpu_s:6.2f} s of processor time, {self.wall_s:6.2f} s by the clock{late}"


class View:
    """The command, from its start to Ctrl-C, and a browser that has opened its address.

    start  time until the address was printed
    """

    def __init__(self, store: Path, cache: Path) -> None:
        begin_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "energybench", "view", str(store)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
            text=True,
        )
        assert self._process.stdout is not None
        address = urlsplit(self._process.stdout.readline().strip())
        self.start = Took(self._cpu_s(), time.monotonic() - begin_s)
        self._base = address.path.removesuffix("open")
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port)
        self._cookie = ""
        answer, _ = self._get(f"{address.path}?{address.query}")
        self._cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def _get(self, path: str) -> tuple[Any, bytes]:
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        return answer, answer.read()

    def page(self, query: str) -> Took:
        """Time to get a page of the table."""
        cpu_s, begin_s = self._cpu_s(), time.monotonic()
        answer, body = self._get(self._base + query)
        if answer.status != 200 or b"</table>" not in body:
            raise SystemExit(f"{query}: status {answer.status}")
        return Took(self._cpu_s() - cpu_s, time.monotonic() - begin_s)

    def _cpu_s(self) -> float:
        """Processor time of the command so far, and of the processes that it has waited for."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        # utime, stime, cutime and cstime, the fields 14 to 17 of proc_pid_stat(5)
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self._connection.close()
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        store, cache = Path(folder) / "store", Path(folder) / "cache"
        write_store(store, runs, link=True)
        for words, goal_s in (("first", FIRST_GOAL_S), ("again", NEXT_GOAL_S)):
            view = View(store, cache)
            try:
                print(f"{words}: address after {view.start.words(goal_s)}")
                for query in QUERIES:
                    print(f"  page {query:36} {view.page(query).words(NEXT_GOAL_S)}")
                    time.sleep(1.0)  # so that the next page looks through the store again
            finally:
                view.end()


if __name__ == "__main__":
    main()
