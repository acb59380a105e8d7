"""A third party's package with a workload, a collector and a report, put on a process's path: the
same door as the built-ins'.
"""

from __future__ import annotations

from pathlib import Path

from tests.cli.process import python_path

SOURCE = '''
import os, time
from energybench.errors import BadInput
from energybench.model import Channel, Doubt, Gain, Progress, Series, Verification, Work, WorkRecord
from energybench.plugins import Unavailable


class Pause:
    """Sleeps, and does as its settings say."""

    name = "pause"
    sizes = ("smoke",)

    def setup(self, size, device, region, settings):
        self.values = {
            "seconds": "0.1",
            "fail_at": "0",
            "wrong_at": "0",
            "die_at": "0",
            "spread": "0",
            "slow": "0",
            **settings,
        }
        self.n = 0
        if "nosuch" in settings:
            raise BadInput("--set nosuch", "no such setting", "leave it out")
        with region("compile"):
            time.sleep(0.2)

    def settings(self):
        return dict(self.values)

    def run(self, region):
        self.n += 1
        if self.n == int(self.values["fail_at"]):
            raise RuntimeError("it broke\\nin two lines")
        if self.n == int(self.values["die_at"]):
            os.kill(os.getpid(), 9)
        print("chatter on stdout")
        with region("transfer"):
            time.sleep(0.01)
        factor = (
            10 if self.n <= int(self.values["slow"]) else 1
        )  # the first few runs: caches are cold, kernels are compiled
        time.sleep(
            factor
            * float(self.values["seconds"])
            * (1 + float(self.values["spread"]) * (self.n % 3))
        )
        return Work(amount=1.0, unit="nap", fingerprint="nap", precision="equal-accuracy")

    def close(self):
        if "closed" in self.values:
            open(self.values["closed"], "a").write("x")

    def verify(self):
        wrong = self.n == int(self.values["wrong_at"])
        return [
            Verification(
                quantity="nap", value=None if wrong else 0.0, tolerance=1.0, passed=not wrong
            )
        ]

    def record(self):
        curve = Series(
            name="rest", x=(0.0, 1.0), y=(0.0, float(self.n)), x_title="nap", y_title="rest (1)"
        )
        doubt = Doubt(code="light-sleep", message="it was a light sleep", remedy="a bed")
        said = {
            "notes": ("slept",),
            "statement": {"unit": "nap"},
            "figures": {"naps": float(self.n)},
        }
        return WorkRecord(title="Statement of sleep", **said, series=(curve,), doubts=(doubt,))


class Tally:
    """Counts steps in a file, and goes on from it."""

    name = "tally"
    sizes = ("smoke",)

    def setup(self, size, device, region, settings):
        self.path, self.steps, self.total = (
            settings["checkpoint"],
            int(settings.get("steps", "2")),
            int(settings.get("total", "0")),
        )
        self.check_s = float(settings.get("check", "0"))
        self.opened = self.done = int(open(self.path).read()) if os.path.exists(self.path) else 0
        if self.finished():
            raise BadInput(
                f"--set total={self.total}",
                f"holds {self.done} steps, these are done",
                "another file",
            )

    def settings(self):
        return {"steps": self.steps}

    def checkpoint(self):
        return os.path.abspath(self.path)

    def finished(self):
        return 0 < self.total <= self.done

    def rehearse(self, region):
        due = min(self.steps, self.total - self.done) if self.total else self.steps
        time.sleep(0.02 * due)
        return Work(amount=float(due), unit="step", fingerprint="tally", precision="equal-accuracy")

    def run(self, region):
        work = self.rehearse(region)
        self.done += int(work.amount)
        with open(self.path + ".new", "w") as file:
            file.write(str(self.done))
        os.replace(self.path + ".new", self.path)
        return work

    def verify(self):
        if self.done > self.opened + self.steps:  # from the second repeat on
            time.sleep(self.check_s)
        return []

    def record(self):
        progress = Progress(
            training="tally",
            first=float(self.opened),
            last=float(self.done),
            unit="step",
            work_per_unit=1.0,
        )
        return WorkRecord(title="Tally", progress=progress)


class Explodes:
    def __init__(self):
        raise ImportError("libnothing.so is missing")


class Meter:
    """Raises where it must not."""

    name = "meter"

    def open(self, context):
        raise Unavailable("no meter here", "buy one")

    def read(self):
        return []

    def close(self):
        pass


class NodeMeter:
    """A node's meter whose watts stand in a file."""

    name = "nodemeter"

    def open(self, context):
        if "METER" not in os.environ:
            raise Unavailable("METER is not set", "set it")
        gain = Gain(u_rel=0.02, key="gain:meter")
        return [
            Channel(
                collector=self.name,
                device="meter",
                component="node",
                kind="power",
                resolution=1e-3,
                gain=gain,
                update_period_s=0.1,
            )
        ]

    def read(self):
        try:
            return [int(float(open(os.environ["METER"]).read()) * 1000)]
        except (OSError, ValueError, OverflowError):
            return [None]

    def close(self):
        pass


class Lacking:
    name = "lacking"
'''
POINTS = """[energybench.workloads]
pause = third_party:Pause
tally = third_party:Tally
explodes = third_party:Explodes

[energybench.collectors]
meter = third_party:Meter
nodemeter = third_party:NodeMeter
lacking = third_party:Lacking
"""


def install(folder: Path) -> dict[str, str]:
    """The environment in which the package is installed."""
    (folder / "third_party.py").write_text(SOURCE)
    info = folder / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return python_path(folder)
