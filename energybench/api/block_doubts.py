"""Doubts about a program's statements on its blocks, once for a run and a label."""

from __future__ import annotations

from energybench.api.caller_run import CallerRun, Options
from energybench.api.log import log_not_measured
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
    """A block inside the block of the run may state options: only the run's options count."""
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
    """A block inside another block was left by an exception, or a loop inside by `break`."""
    run.doubt_once(
        "region-cut",
        f"a block {label!r} inside {run.label!r} was left before its end: it is not in the result "
        "of its region",
        "let the work of the block end",
        label,
    )


def region_outlives(run: CallerRun, label: str) -> tuple[str, str, str]:
    """A block inside the block of the run ended after the outer block, or after the turn in which
    it began: code, message and remedy of the doubt, which the run gets as well if its result is not
    made yet.
    """
    code = "region-cut"
    message = (
        f"the block {label!r} began inside {run.label!r} and ended outside: it is in no result, "
        f"for its energy is measured with that of {run.label!r}"
    )
    remedy = f"end the block inside {run.label!r}, or begin it outside"
    run.doubt_once(code, message, remedy, label)
    log_not_measured(label, message)
    return code, message, remedy


def blocks_inside_overlap(run: CallerRun, outer: str, label: str) -> None:
    """A block began directly inside another block while a sibling block was open."""
    run.doubt_once(
        "blocks-overlap",
        f"blocks inside {outer!r} ran in the same time ({label!r} beside another): the energy of "
        "the machine in that time is in both regions",
        "measure a block that holds both, or one after the other",
        outer,
    )


def edges_unsynchronised(run: CallerRun, label: str, failure: str) -> None:
    """The devices could not be waited for at an edge of a block.

    failure  reason, in a line
    """
    run.doubt_once(
        "edges-unsynchronised",
        f"at the edge of the block {label!r} the devices could not be waited for: {failure}",
        "see the error of the device; state sync= for devices other than those of torch",
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


def read_in_block(run: CallerRun, other: str, waited_s: float) -> None:
    """The program waited for the result of another block while the block of the run was open."""
    run.doubt_once(
        "read-in-block",
        f"the program waited {waited_s:.2g} s for the result of the block {other!r} while this "
        "block was open: the wait is in its time and its energy",
        "read results after the block; `await block.answer()` in asyncio",
        "",
    )
