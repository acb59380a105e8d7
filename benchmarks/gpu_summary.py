"""The summary of a GPU check, as Markdown: steps, figures and goals.

    python benchmarks/gpu_summary.py FOLDER                 the summary
    python benchmarks/gpu_summary.py FOLDER --fact NAME     one fact of facts.json
    python benchmarks/gpu_summary.py FOLDER --run STEP      the run directory of a step

Reads what benchmarks/gpu_check.sh has written so far: steps.tsv, and one JSON file a step. A goal
is met, or missed, if the whole interval is on one side of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

# docs/workloads/deepcam.md: goal of size L on a GPU, as a share of the bf16 matrix rate
DEEPCAM_SHARE = 0.35
# Losses of 12 steps in bf16, launched and replayed: one rounding is 2**-8 = 0.4 %, and roundings
# grow from step to step. tests/workloads/test_deepcam_network.py compares in fp32, to 1 %.
LOSSES_AGREE = 0.05
# fp64 links of one site: 16 matrices of 3 x 3 complex numbers (docs/workloads/milc.md)
LINK_BYTES = 16 * 9 * 2 * 8
# Twice the rate of pageable memory on an H200: 2.4 GB of links in 0.40 s a solve, by the region
# "transfer" of reports/reference/milc-32-h200
LINKS_BYTE_PER_S = 2 * 6.0e9


class Row(NamedTuple):
    """met  None if the data do not decide"""

    figure: str
    goal: str = ""
    met: bool | None = None


class Check:
    """The folder of one check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = self.result("facts") or {}

    def result(self, step: str) -> Any:
        """The JSON document of a step; None if the step wrote none, or part of one."""
        try:
            return json.loads((self.folder / f"{step}.json").read_text())
        except (OSError, ValueError):
            return None

    def results(self, step: str, kind: str) -> list[dict[str, Any]]:
        """The measurements or comparisons of a step, in their order."""
        document = self.result(step) or {}
        return [one for one in document.get("results", [document]) if one.get("kind") == kind]

    def run(self, step: str) -> str:
        """The run directory of a step; without a run, a name that says so."""
        measurements = self.results(step, "measurement")
        return str(self.folder / "runs" / measurements[0]["id"]) if measurements else f"no-{step}"

    def steps(self) -> list[list[str]]:
        try:
            lines = (self.folder / "steps.tsv").read_text().splitlines()
        except OSError:
            return []
        return [line.split("\t") for line in lines]

    def rows(self, step: str) -> list[Row]:
        """Figures and goals; a row that says so if the results are not as they should be. None of a
        step that left no result.
        """
        if step not in ROWS or (self.result(step) is None and step != "tests"):
            return []
        try:
            rows = list(ROWS[step](self, step))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as why:
            return [Row(f"the result cannot be read: {why!r}")]
        # the goals are those of a GPU
        return (
            rows if self.facts.get("device") == "cuda" else [row._replace(goal="") for row in rows]
        )


# ---------------------------------------------------------------- figures


def interval(estimate: dict[str, Any], factor: float = 1.0, digits: int = 3) -> str:
    value, low, high = (f"{factor * estimate[key]:.{digits}g}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def above(estimate: dict[str, Any], limit: float) -> bool | None:
    if estimate["low"] >= limit:
        return True
    return False if estimate["high"] < limit else None


def checks(measurement: dict[str, Any]) -> Row:
    failed = [check["quantity"] for check in measurement["verification"] if not check["passed"]]
    passed = f"{len(measurement['verification'])} checks pass"
    figure = "failed: " + ", ".join(failed) if failed else passed
    return Row(f"{measurement['label']}: {figure}", "every check passes", not failed)


def energy(measurement: dict[str, Any]) -> Row:
    words = f"{measurement['time_s']['value']:.3g} s a repeat"
    joules, work = measurement["energy_per_work_j"], measurement["work"]
    if joules is not None and work is not None:
        words = f"{interval(joules)} J per {work['unit']}, {words}"
    share = (measurement["roofline"] or {}).get("share")
    if share is not None:
        words += f", {interval(share, 100)} % of the limit that binds"
    return Row(f"{measurement['label']}: {words}")


def energies(check: Check, step: str) -> Iterator[Row]:
    for measurement in check.results(step, "measurement"):
        yield energy(measurement)
        yield checks(measurement)


# ---------------------------------------------------------------- rows of each step


def facts(check: Check, step: str) -> Iterator[Row]:
    driver = (check.facts.get("nvidia_smi") or {}).get("driver_version")
    board = f"{check.facts['gpu']}, driver {driver}" if "gpu" in check.facts else "no GPU"
    yield Row(
        f"{board}, torch {check.facts['torch']}, revision {check.facts['revision'] or 'unknown'}",
        "the revision is known",
        check.facts["revision"] is not None and not check.facts.get("changed"),
    )


def doctor(check: Check, step: str) -> Iterator[Row]:
    boards = [
        channel
        for channel in check.result(step)["channels"]
        if channel["component"] in ("gpu.board", "module") and channel["reads"] is not None
    ]
    quantities = ", ".join(channel["quantity"] for channel in boards)
    yield Row(f"values of the board: {quantities or 'none'}", "the board is read", bool(boards))


def tests(check: Check, step: str) -> Iterator[Row]:
    if not (check.folder / "tests.xml").exists():
        return
    suite = ElementTree.parse(check.folder / "tests.xml").getroot().find("testsuite")
    assert suite is not None
    counts = {
        name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
    }
    green = counts["tests"] > 0 and not any(counts[name] for name in counts if name != "tests")
    yield Row(", ".join(f"{count} {name}" for name, count in counts.items()), "all pass", green)


def calibrate(check: Check, step: str) -> Iterator[Row]:
    for device in (check.result(step) or {}).get("devices", []):
        for channel in device["channels"]:
            name = channel["channel"].rsplit("/", 1)[-1]
            period_s, window_s = channel["update_period_s"], channel["window_s"]
            figure = " ".join(
                f"{what} {1e3 * value:.3g} ms"
                for what, value in (("period", period_s), ("window", window_s))
                if value is not None
            )
            known = period_s is not None and window_s is not None
            yield Row(f"{name}: {figure or 'no figure'}", "period and window found", known)


def limits(check: Check, step: str) -> Iterator[Row]:
    for device in (check.result(step) or {}).get("limits", []):
        figure = ", ".join(
            f"{limit['limit']} {limit['best']:.3g} {limit['unit']}"
            + (f" ({limit['share_of_sheet']:.0%} of the sheet)" if limit["share_of_sheet"] else "")
            for limit in device["limits"]
        )
        yield Row(figure, "four limits measured", len(device["limits"]) == 4)


def milc(check: Check, step: str) -> Iterator[Row]:
    yield from energies(check, step)
    for measurement in check.results(step, "measurement"):
        moves = [
            region["time_s"] * region["count"]
            for region in measurement["regions"]
            if region["label"] == "transfer" and region["in_repeat"]
        ]
        if moves:
            solves = len(measurement["repeats"]) * measurement["work"]["amount"]
            byte_per_s = (
                LINK_BYTES * measurement["record"]["figures"]["sites"] * solves / sum(moves)
            )
            yield Row(
                f"links from page-locked memory: {byte_per_s / 1e9:.3g} GB/s",
                f"at least {LINKS_BYTE_PER_S / 1e9:.0f} GB/s, twice pageable memory",
                byte_per_s >= LINKS_BYTE_PER_S,
            )


def deepcam_large(check: Check, step: str) -> Iterator[Row]:
    measurements = check.results(step, "measurement")
    for measurement in measurements:
        roofline = measurement["roofline"] or {}
        share = roofline.get("share_of_rate")
        if share is not None and roofline["arithmetic"] == "bf16":
            yield Row(
                f"{measurement['label']}: {interval(share, 100)} % of the bf16 rate",
                f"at least {DEEPCAM_SHARE:.0%}",
                above(share, DEEPCAM_SHARE),
            )
    yield from energies(check, step)
    for comparison in check.results(step, "comparison"):
        speedup = comparison["speedup"]
        yield Row(
            f"recorded passes: {interval(speedup)} times as fast",
            "faster than launched passes",
            above(speedup, 1.0),
        )
    if len(measurements) == 2:
        yield same_losses(measurements)


def same_losses(measurements: list[dict[str, Any]]) -> Row:
    """Whether two variants trained alike: the same work, and the same losses up to rounding."""
    goal = f"the same work, losses within {LOSSES_AGREE:.0%}"
    launched, recorded = (
        next(series["y"] for series in one["record"]["series"] if series["name"] == "loss")
        for one in measurements
    )
    prints = {one["work"]["fingerprint"] for one in measurements}
    if len(launched) != len(recorded) or None in (*launched, *recorded) or len(prints) > 1:
        return Row("recorded and launched passes trained different work", goal, False)
    apart = max(abs(a - b) / abs(a) for a, b in zip(launched, recorded, strict=True))
    return Row(f"losses of {len(launched)} steps: {apart:.2%} apart", goal, apart <= LOSSES_AGREE)


def compare(check: Check, step: str) -> Iterator[Row]:
    """Both boundaries: the whole of both machines, and the parts that had a share in the work."""
    for comparison in check.results(step, "comparison"):
        whole = comparison["energy_ratio"]
        codes = ", ".join(sorted({doubt["code"] for doubt in comparison["doubts"]}))
        yield Row(
            f"CPU / GPU, whole machine ({comparison['title']}): "
            f"{interval(whole) if whole else 'not known'}, {interval(comparison['speedup'])} times "
            f"as fast, verdict {comparison['verdict']}; doubts: {codes or 'none'}",
            "a ratio with its interval",
            whole is not None,
        )
        used = comparison["second_lines"]
        for line in used:
            yield Row(f"{line['label']}: {interval(line['energy_ratio'])}")
        yield Row(f"{len(used)} ratio(s) of the used parts", "at least one", bool(used))


def variants(check: Check, step: str) -> Iterator[Row]:
    yield from energies(check, step)
    for comparison in check.results(step, "comparison"):
        speedup = comparison["speedup"]
        first, second = comparison["labels"]
        yield Row(
            f"{second}: {interval(speedup)} times as fast as {first}",
            "faster",
            above(speedup, 1.0),
        )


ROWS: dict[str, Callable[[Check, str], Iterator[Row]]] = {
    "facts": facts,
    "doctor": doctor,
    "tests": tests,
    "calibrate": calibrate,
    "limits": limits,
    "milc": milc,
    "milc-cpu": energies,
    "milc-compare": compare,
    "deepcam": energies,
    "deepcam-cpu": energies,
    "deepcam-compare": compare,
    "deepcam-L": deepcam_large,
    "deepcam-L8": deepcam_large,
    "sdpa": variants,
    "dpsgd": variants,
}
MET = {True: "yes", False: "**no**", None: "undecided"}


# ---------------------------------------------------------------- the page


def table(*rows: tuple[str, ...]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        if number == 0:
            yield "|---" * len(row) + "|"


def machine(facts: dict[str, Any]) -> str:
    """The provenance in the words of reports/reference/README.md."""
    driver = (facts.get("nvidia_smi") or {}).get("driver_version")
    board = f"{facts['gpus']} x {facts['gpu']} (driver {driver})" if "gpu" in facts else "no GPU"
    memory = (
        f"{facts['memory_bytes'] / 2**30:.0f} GiB" if facts["memory_bytes"] else "unknown memory"
    )
    virtual = f"virtual machine ({facts['virtual']})" if facts["virtual"] else "not virtual"
    source = f"revision {facts['revision'] or 'unknown'}"
    if facts.get("changed"):
        source += " with changes"
    return (
        f"Machine: {board}, {facts['threads']} threads of {facts['cpu']}, {memory}, {virtual}, "
        f"{facts['os']}, Linux {facts['kernel']}; torch {facts['torch']}, Python "
        f"{facts['python']}. {facts['made_utc']}. energybench at {source}, sources with SHA-256 "
        f"{facts['sources_sha256']}. `facts.json` has the rest."
    )


def page(check: Check) -> Iterator[str]:
    yield "# Check on a GPU" if check.facts.get("device") == "cuda" else "# Check without a GPU"
    yield ""
    yield machine(check.facts) if check.facts else "The machine has not been described yet."
    steps = check.steps()
    undone = [name for name, _, outcome, _ in steps if not outcome.startswith("done")]
    yield ""
    yield f"Not done: {', '.join(undone)}." if undone else "Every step so far was done."
    yield ""
    goals = [("step", "figure", "goal", "met")]
    for name, _, _, _ in steps:
        goals += [
            (name, row.figure, row.goal or "–", MET[row.met] if row.goal else "–")
            for row in check.rows(name)
        ]
    yield from table(
        ("step", "s", "outcome", "command"), *((n, s, o, f"`{c}`") for n, s, o, c in steps)
    )
    yield ""
    yield from table(*goals)
    yield ""
    yield "Runs are in `runs/`; `STEP.json` has the output of a step, `logs/STEP.txt` its messages."


def main() -> None:
    check = Check(Path(sys.argv[1]))
    if sys.argv[2:3] == ["--fact"]:
        print(check.facts.get(sys.argv[3]) or "unknown")
    elif sys.argv[2:3] == ["--run"]:
        print(check.run(sys.argv[3]))
    else:
        print("\n".join(page(check)))


if __name__ == "__main__":
    main()
