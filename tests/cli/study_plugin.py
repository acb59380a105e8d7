"""A third party's workload that offers a study: everything that can happen to a variant happens to
one of its.
"""

from __future__ import annotations

from pathlib import Path

from tests.cli.process import python_path

SOURCE = """
import os, time
from energybench.errors import BadInput, DoesNotFit, NotHere
from energybench.model import (
    Absent,
    Axes,
    Cell,
    Estimate,
    Expectation,
    Memory,
    Published,
    StudyPlan,
    Variant,
    Verification,
    Work,
)


class Naps:
    name = "naps"
    sizes = ("smoke",)
    studies = {"grid": "how much longer a long nap is"}

    def plan(self, study, device, settings):
        names = settings.get("variants", "long,short").split(",")
        lengths = [float(text) for text in settings.get("length", "0.04,0.06").split(",")]
        cells = tuple(
            Cell(
                key=f"nap {length:g}",
                at={"length": length, "depth": 1, "kind": "nap"},
                workload="naps",
                size="smoke",
                step_amount=1.0,
                variants=tuple(
                    Variant(name=name, settings={"do": name, "length": str(length)})
                    for name in names
                ),
            )
            for length in lengths
        )
        twice = tuple(
            Expectation(cell=cell.key, variant="short", quantity="speedup", low=1.5, high=2.5)
            for cell in cells
        )
        return StudyPlan(
            name="grid",
            title="naps",
            about="Naps of several lengths.",
            settings=dict(settings),
            cells=cells,
            axes=Axes(x="length", y="depth", panels=("kind",)),
            absent=(Absent(variant="snore", reason="nobody snores here"),),
            repeats=3,
            min_window_s=0.0,
            claims=(
                Published(
                    name="twice",
                    says="a short nap takes half as long",
                    source="a saying",
                    published_on="a bed",
                    rule="every",
                    expects=twice,
                ),
            ),
        )

    def setup(self, size, device, region, settings):
        self.values = dict(settings)
        self.do, self.length, self.n = settings["do"], float(settings["length"]), 0
        if self.do == "huge":
            raise DoesNotFit("naps", "needs 9000 beds, 1 is free", "a shorter nap")
        if self.do == "foreign":
            raise NotHere("naps", "not done in this country", "another one")

    def settings(self):
        return dict(self.values)

    def run(self, region):
        self.n += 1
        if self.do == "greedy":
            raise MemoryError
        if self.do == "mortal" and self.n == 1:
            os.kill(os.getpid(), 9)
        time.sleep(self.length / (2 if self.do == "short" else 1))
        return Work(amount=1.0, unit="nap", fingerprint="nap", precision="equal-precision")

    def verify(self):
        return [
            Verification(quantity="rested", value=0.0, tolerance=1.0, passed=self.do != "wrong")
        ]

    def memory(self):
        size = (
            Estimate(value=2.0, low=2.0, high=2.0)
            if self.do == "long"
            else Estimate(value=1.0, low=1.0, high=1.0)
        )
        return Memory(peak_bytes=size, extra_bytes=size, how="counted beds")
"""


def install(folder: Path) -> dict[str, str]:
    """The environment in which the package is installed."""
    (folder / "naps.py").write_text(SOURCE)
    info = folder / "naps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: naps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[energybench.workloads]\nnaps = naps:Naps\n")
    return python_path(folder)
