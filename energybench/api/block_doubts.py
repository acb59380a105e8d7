"""Doubts about what a program states of its blocks, each once for a run and a label."""

from __future__ import annotations

from energybench.api.caller_run import CallerRun, Options
from energybench.sensor_root import default_root


def work_of_a_region(run: CallerRun, label: str) -> None:
    """A block inside the block of the run stated its work: only runs have work."""
    run.doubt_once(
        "region-work",
        f"the block {label!r} lies inside another one and stated its work, which is left out: "
        "a region has an energy and no work of its own",
        "state the work of the outermost block, or divide the energy of the region by it",
        label,
    )


def options_of_a_region(run: CallerRun, label: str, stated: Options) -> None:
    """A block inside the block of the run may state options: those of the run count."""
    defaults = Options(store="results", root=default_root())
    left_out = [
        f"{name.removesuffix('_s')}={mine!r}"
        for name, mine, of_run, default in zip(
            Options._fields, stated, run.options, defaults, strict=True
        )
        if mine not in (of_run, default)
    ]
    if not left_out:
        return
    run.doubt_once(
        "region-options",
        f"the block {label!r} lies inside {run.label!r}, whose options count: "
        f"{', '.join(left_out)} of the block inside is left out",
        "state the options of the outermost block, or measure the inner block alone",
        label,
    )


def region_cut(run: CallerRun, label: str) -> None:
    """A block inside another was left by an exception, or a loop inside by `break`."""
    run.doubt_once(
        "region-cut",
        f"a block {label!r} inside {run.label!r} was left before its end: it is not in the result "
        "of its region",
        "let the work of the block end",
        label,
    )


def work_after_the_call(run: CallerRun, label: str, kind: str) -> None:
    """A decorated function returned a coroutine or a generator."""
    run.doubt_once(
        "work-later",
        f"the call of {label!r} returned a {kind}, whose work is done after the call: it is not in "
        "the block",
        "decorate the asynchronous function itself, or measure the loop over the generator",
        label,
    )
