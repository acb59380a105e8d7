"""The promises of every registered workload, built-in or not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.errors import BadInput, NotHere
from energybench.model import Work
from energybench.plugins import HasAdapter, Workload
from energybench.registry import load, registered

NAMES = sorted(registered("workloads"))
ROOT = Path(__file__).parents[1]
# One step of four, because the whole network takes seconds for one
BRIEF = {"deepcam": {"steps": "1", "batch": "1"}}


@pytest.mark.parametrize("name", NAMES)
def test_has_a_page(name: str) -> None:
    """Each workload of this distribution has a page of docs that begins with the name; the programs
    of others share a page. A package of somebody else documents its own.
    """
    dist = registered("workloads")[name].dist
    if dist is None or dist.name != "energybench":
        pytest.skip(f"{name} belongs to another distribution")
    if isinstance(load("workloads", name), HasAdapter):
        page = ROOT / "docs" / "workloads" / "applications.md"
        assert f"\n### {name}: " in page.read_text("utf-8")
        return
    page = ROOT / "docs" / "workloads" / f"{name}.md"
    assert page.exists(), page
    assert page.read_text("utf-8").startswith(f"# {name}: ")


def region(label: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def run_once(name: str) -> tuple[Workload, Work]:
    """A workload after one run of its smallest size on the CPU."""
    workload = set_up(name)
    return workload, workload.run(region)


def set_up(name: str) -> Workload:
    """A workload of the smallest size on the CPU; skips the test if its program is not here."""
    workload: Workload = load("workloads", name)
    try:
        workload.setup("smoke", "cpu", region, BRIEF.get(name, {}))
    except NotHere as why:
        pytest.skip(str(why))
    return workload


@pytest.mark.parametrize("name", NAMES)
def test_smoke_size_runs_and_passes_its_own_checks(name: str) -> None:
    """The size "smoke" does verified work, and a second run does the same work. The settings are
    plain values that can stand in a result, and include those that nobody set.
    """
    workload, work = run_once(name)
    assert workload.name == name
    assert "smoke" in workload.sizes
    assert work.amount > 0
    assert work.unit
    assert work.fingerprint
    checks = workload.verify()
    assert checks
    assert [check for check in checks if not check.passed] == []
    settings = workload.settings()
    assert settings
    for key, value in settings.items():
        assert isinstance(key, str)
        assert value is None or type(value) in (str, int, float, bool)
    _, second = run_once(name)
    assert second.fingerprint == work.fingerprint
    assert (second.amount, second.unit) == (work.amount, work.unit)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("size", "device", "settings"),
    [("gigantic", "cpu", {}), ("smoke", "abacus", {}), ("smoke", "cpu", {"no_such_setting": "1"})],
)
def test_a_wrong_size_device_or_setting_is_bad_input_with_a_remedy(
    name: str, size: str, device: str, settings: dict[str, str]
) -> None:
    """The message is one line, and says what to do."""
    workload: Workload = load("workloads", name)
    with pytest.raises(BadInput) as caught:
        workload.setup(size, device, region, settings)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_importing_costs_no_heavy_library(name: str) -> None:
    """`energybench list workloads` loads every plugin, and must not take seconds."""
    module = registered("workloads")[name].module
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'scipy', 'transformers', 'pandas') if "
        "m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
