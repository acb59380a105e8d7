"""Two runs of the recordings that ship with energybench, their comparison and a page of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from energybench.analysis.comparison.compare import compare
from energybench.measuring.plan import Plan
from energybench.measuring.replaying import replay_run
from energybench.store import digests
from energybench.store.run import pretty
from tests.cli.process import REPLAYS, in_process

DATE = "2026-11-29T10:30:00Z"


class Results(NamedTuple):
    """A folder with a store `results`, a comparison and a page; and the bundle of all.

    numbers  the bundle without the page, whose check takes half the time
    """

    folder: Path
    runs: tuple[Path, Path]
    bundle: Path
    numbers: Path

    @property
    def wanted(self) -> tuple[str, ...]:
        """The arguments that put everything into a bundle."""
        return ("results", "comparison.json", "--document", "page.html", "--date", DATE)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("proof")
    store = folder / "results"
    plans = [
        Plan(store=store, label=label, boundary="compute", idle_s=0.0)
        for label in ("baseline", "candidate")
    ]
    (first, before), (second, after) = (
        replay_run(REPLAYS / name, plan)
        for name, plan in zip(("cpu-node.toml", "gpu-node.toml"), plans, strict=True)
    )
    comparison = digests.with_digests(compare(before, after), first, second)
    (folder / "comparison.json").write_text(pretty(comparison))
    page = ("report", "results", "comparison.json", "--format", "html", "--out", "page.html")
    assert in_process(*page, "--date", DATE, cwd=folder).code == 0
    made = Results(folder, (first, second), folder / "bundle.zip", folder / "numbers.zip")
    ran = in_process("bundle", *made.wanted, "--out", "bundle.zip", "--json", cwd=folder)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["files"] == 10
    numbers = ("bundle", "results", "comparison.json", "--date", DATE, "--out", "numbers.zip")
    assert in_process(*numbers, cwd=folder).code == 0
    return made
