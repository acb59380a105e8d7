"""How long `energybench view` takes to show a store of many runs: first, and with its index.

    python benchmarks/view_index.py [--runs 10000]

Goals for 10,000 runs: less than 20 s from the command to its address the first time, and less than
1 s for each page of the table after that, also if the command is started again.
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
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulators live with the tests

from tests.simulators.run_copies import write_store

FIRST_GOAL_S, NEXT_GOAL_S = 20.0, 1.0
QUERIES = ("", "?sort=-energy", "?sort=host&page=50", "?q=node-07&workload=milc+32+cuda")


class View:
    """The command, from its start to Ctrl-C, and a browser that has opened its address.

    start_s  time until the address was printed
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
        self.start_s = time.monotonic() - begin_s
        self._base = address.path.removesuffix("open")
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port)
        self._cookie = ""
        answer, _ = self._get(f"{address.path}?{address.query}")
        self._cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def _get(self, path: str) -> tuple[Any, bytes]:
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        return answer, answer.read()

    def page_s(self, query: str) -> float:
        """Time to get a page of the table."""
        begin_s = time.monotonic()
        answer, body = self._get(self._base + query)
        if answer.status != 200 or b"</table>" not in body:
            raise SystemExit(f"{query}: status {answer.status}")
        return time.monotonic() - begin_s

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
                print(f"{words}: address after {view.start_s:.2f} s{_late(view.start_s, goal_s)}")
                for query in QUERIES:
                    page_s = view.page_s(query)
                    print(f"  page {query:36} {page_s:.3f} s{_late(page_s, NEXT_GOAL_S)}")
                    time.sleep(1.0)  # so that the next page looks through the store again
            finally:
                view.end()


def _late(time_s: float, goal_s: float) -> str:
    return f"   above {goal_s:g} s" if time_s > goal_s else ""


if __name__ == "__main__":
    main()
