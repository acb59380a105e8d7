"""Options and surroundings of all tests."""

from __future__ import annotations

import compileall
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

# Folders whose tests take seconds: they start processes, wait, or train. All others compute for
# milliseconds.
_LONG = (
    "benchmarks",
    "calibrating",
    "cli",
    "cluster",
    "collectors",
    "measuring",
    "tests",
    "workloads",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew instead of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Waiting threads sleep, and the signals of a keyboard act.

    A shell starts background jobs with SIGINT and SIGQUIT ignored, and programs that the tests
    start would inherit that; tests of Ctrl-C need the behaviour of a terminal.
    """
    sys.dont_write_bytecode = False  # pytest keeps the modules of the tests: half of the collection
    if not hasattr(config, "workerinput"):  # the process that starts the workers, or the only one
        _compile_the_tree()
        _trust_the_compiler()
    # A busy machine makes an example take any time, and drawing it as well.
    hypothesis.settings.register_profile(
        "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("any machine")
    # Several tests share the cores: a thread that waits must not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    of_a_terminal = {signal.SIGINT: signal.default_int_handler, signal.SIGQUIT: signal.SIG_DFL}
    for number, handler in of_a_terminal.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, handler)


def _compile_the_tree() -> None:
    """Write the compiled modules of the tree, if they are not there.

    With PYTHONDONTWRITEBYTECODE in the environment each of a thousand processes would compile
    them anew, which takes a third of the CPU time of `energybench measure -- true`.
    """
    root = Path(__file__).parents[1]
    for folder in ("energybench", "reports", "workloads"):
        compileall.compile_dir(root / folder, quiet=2)


def _trust_the_compiler() -> None:
    """torch need not try each set of vector instructions with the compiler, which takes seconds on
    a new machine, and a second in every process that compiles.
    """
    flags = ("-mavx2", "-mavx512f", "-mavx512vnni", "-mamx-tile", "-mamx-bf16")
    compiler = shutil.which(os.environ.get("CXX") or "g++")
    if compiler is None:
        return
    tried = subprocess.run(
        [compiler, *flags, "-fsyntax-only", "-x", "c++", os.devnull], capture_output=True
    )
    if tried.returncode == 0:
        os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first, so that at the end all workers have short tests left to share.

    The modules of the folders with long tests are mixed: a module that computes runs beside one
    that waits. A module stays in one piece, because of its fixtures.
    """
    modules = dict.fromkeys(item.path for item in items)
    places = {}
    for folder in _LONG:
        own = [module for module in modules if module.parent.name == folder]
        places.update({module: i / len(own) for i, module in enumerate(own)})
    items.sort(key=lambda item: places.get(item.path, 1.0))


@pytest.hookimpl(tryfirst=True)  # before the fixtures of the test
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test with the marker `gpu` is skipped if torch sees no GPU."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
