"""Sessions of a real pytest with the plugin, in versions of pytest and pytest-benchmark that
`make install` prepares beside the environment of the outer pytest.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

PATIENCE_S = 600.0
PACKAGE_W, MEMORY_W = 55.0, 5.0
WATTS = PACKAGE_W + MEMORY_W
ZONES = {
    "intel-rapl:0": {"name": "package-0", "watts": PACKAGE_W, "start_uj": 3_000_000},
    "intel-rapl:0:0": {"name": "dram", "watts": MEMORY_W},
}
# Of every test: no need for the default lengths, where the promise is not about lengths.
SHORT = ("--benchmark-energy-min-time=0.1", "--benchmark-energy-windows=3")
QUICK = ("--benchmark-max-time=0.05", "--benchmark-min-rounds=2")

# An energy and its interval in a line of the table. A busy machine changes the prefix of the unit.
ENERGY_CELLS = re.compile(r"\d [a-zµA-Z]?J +\[[-.\d]+, [-.\d]+\]")

# The plugin of in_sessions
KNOWN_MACHINE = ("-p", "known_machine")
IN_SESSIONS = Path(__file__).parent / "in_sessions"

# Lists of packages, and the folder in which `make install` prepares them: beside the environment
ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).parent / "packages"
PACKAGES = Path(sys.prefix).parent / ".test-packages"

ENTRY = {
    "METADATA": "Metadata-Version: 2.1\nName: energybench-of-the-tree\nVersion: 0\n",
    "entry_points.txt": "[pytest11]\nenergybench = energybench.pytest_plugin.plugin\n",
}


class Finished(NamedTuple):
    """A session that is over."""

    code: int
    out: str
    folder: Path

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def table(self) -> list[str]:
        """The lines of the table of energies."""
        titles = [i for i, line in enumerate(self.lines) if " energy per iteration (" in line]
        if not titles:
            return []
        rest = self.lines[titles[-1] + 1 :]
        ends = [i for i, line in enumerate(rest) if " energy gates " in line]
        return rest[: ends[0]] if ends else rest

    def row(self, start: str) -> str:
        """The only line of the table that begins so."""
        (line,) = [line for line in self.table if line.startswith(start)]
        return line

    def has_energy(self, start: str) -> bool:
        """Whether the only line of the table that begins so shows an energy with its interval, in
        J, mJ, µJ or any other multiple.
        """
        return ENERGY_CELLS.search(self.row(start)) is not None

    @property
    def benchmarks(self) -> dict[str, dict[str, Any]]:
        """The entries of out.json by test."""
        content = json.loads((self.folder / "out.json").read_text())
        return {benchmark["name"]: benchmark for benchmark in content["benchmarks"]}

    @property
    def energies(self) -> dict[str, dict[str, Any]]:
        """The records of energies in out.json by test."""
        return {
            name: json.loads(benchmark["extra_info"]["energybench"])
            for name, benchmark in self.benchmarks.items()
        }

    @property
    def properties(self) -> dict[str, dict[str, str]]:
        """The properties of junit.xml by test. A test with two outcomes stands there twice: its own
        has the properties, and that of a gate has a failure.
        """
        properties: dict[str, dict[str, str]] = {}
        for case in ElementTree.parse(self.folder / "junit.xml").iter("testcase"):
            entries = properties.setdefault(case.attrib["name"], {})
            for entry in case.iter("property"):
                entries[entry.attrib["name"]] = entry.attrib["value"]
        return properties


class Pytest(NamedTuple):
    """A pytest of some version.

    packages  folders in front of the path
    folder    working directory of the sessions
    root      tree of sensors
    """

    packages: tuple[Path, ...]
    folder: Path
    root: Path

    def write(self, source: str, name: str = "test_it.py") -> Path:
        path = self.folder / name
        path.write_text(textwrap.dedent(source))
        return path

    def surroundings(self, **environment: str) -> dict[str, str]:
        """The environment of a session."""
        paths = [*map(str, self.packages), str(IN_SESSIONS), os.environ.get("PYTHONPATH", "")]
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
            "ENERGYBENCH_ROOT": str(self.root),
            "TMPDIR": str(self.folder.parent),
            **environment,
        }

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        """A session, running."""
        return self._begun(
            *("pytest", "-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider"),
            # hypothesis takes longer to load than pytest, and no session here uses it or anyio
            *("-p", "no:timeout", "-p", "no:hypothesispytest", "-p", "no:anyio", *KNOWN_MACHINE),
            *options,
            **environment,
        )

    def program(self, module: str, *words: str, **environment: str) -> Finished:
        """`python -m module`, to its end."""
        process = self._begun(module, *words, **environment)
        out, _ = process.communicate(timeout=PATIENCE_S)
        return Finished(process.returncode, out, self.folder)

    def _begun(self, module: str, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=self.folder,
            env=self.surroundings(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str, **environment: str) -> Finished:
        """A session, to its end."""
        process = self.start(*options, **environment)
        out, _ = process.communicate(timeout=PATIENCE_S)
        return Finished(process.returncode, out, self.folder)

    def measure(self, *options: str, **environment: str) -> Finished:
        """A session that measures short windows."""
        return self.run("--benchmark-energy", *SHORT, *options, **environment)


def entry(parent: Path) -> Path:
    """A folder that registers the plugin of this tree as an installed package does."""
    folder = parent / "entry"
    information = folder / "energybench_of_the_tree-0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    for name, text in ENTRY.items():
        (information / name).write_text(text)
    return folder


def prepared(name: str, folder: Path = PACKAGES) -> Path:
    """The folder with the packages of a list in tests/pytest_plugin/packages. The test fails if the
    packages are missing, or are those of an earlier list.
    """
    wanted, stamp = LISTS / f"{name}.txt", folder / name / ".installed"
    if not stamp.is_file() or stamp.read_text() != wanted.read_text():
        state = "of an earlier list" if stamp.is_file() else "missing"
        pytest.fail(
            f"the packages of {wanted.relative_to(ROOT)} are {state} in {stamp.parent}: "
            "`make install` prepares them",
            pytrace=False,
        )
    return stamp.parent
