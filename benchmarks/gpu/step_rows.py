"""The figures of each step of a GPU check, and the goals for them.

A goal is met, or missed, if the whole interval is on one side of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

from check_folder import Check

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


def rows(check: Check, step: str) -> list[Row]:
    """Figures and goals; a row that says so if the results are not as they should be. None of a
    step that left no result.
    """
    if step not in ROWS or (check.result(step) is None and step != "tests"):
        return []
    try:
        step_rows = list(ROWS[step](check, step))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as why:
        return [Row(f"the result cannot be read: {why!r}")]
    if check.facts.get("device") == "cuda":
        return step_rows
    return [row._replace(goal="") for row in step_rows]  # the goals are those of a GPU
