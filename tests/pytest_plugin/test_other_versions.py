"""Baselines of earlier and of later versions of energybench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pytest_plugin.runs import QUICK, Finished, Pytest

SLEEPS = """
    import time

    def test_it({fixture}):
        {fixture}(time.sleep, 0.002)
"""
GATE = "--benchmark-energy-fail=50%"


def verdict(session: Finished) -> str:
    """The only line below the title of the gates."""
    at = next(i for i, line in enumerate(session.lines) if " energy gates " in line)
    return session.lines[at + 1]


def notes_of_later_fields(session: Finished) -> list[str]:
    return [line for line in session.lines if "fields that this version does not know" in line]


def later(value: dict[str, Any]) -> dict[str, Any]:
    """A record as a later version may write it: with more fields, and more inside its fields."""
    return {**value, "carbon_g": 1.0, "host": {**value["host"], "rack": "r7"}}


def earlier(value: dict[str, Any]) -> dict[str, Any]:
    """A record without the fields that have defaults."""
    needed = ("schema", "name", "energy_j", "windows_j", "iterations", "quality", "parts")
    return {key: value[key] for key in (*needed, "sensors", "host", "session")}


@pytest.mark.parametrize("options", [(), ("-W", "error")])
def test_a_history_of_other_versions_is_a_baseline(alone: Pytest, options: tuple[str, ...]) -> None:
    """An earlier record is compared, and a later one too, with one line of the plugin: no warning
    in the name of the test, and with `-W error` no failure of it.
    """
    alone.write(SLEEPS.format(fixture="energy_benchmark"))
    assert alone.measure("--benchmark-energy-save").code == 0
    (path,) = Path(alone.folder / ".energybench/history").iterdir()
    saved = json.loads(path.read_text())
    for change, notes in ((earlier, 0), (later, 1)):
        content = {**saved, "tests": [change(test) for test in saved["tests"]]}
        if change is later:
            content["runner"] = "blue"
        for copy in (path, path.with_name(f"{path.stem}-b.json")):
            copy.write_text(json.dumps(content))
        session = alone.measure(GATE, "--benchmark-energy-fail-on=single", *options)
        assert session.code == 0, session.out
        assert "one saved run" in verdict(session)
        lines = notes_of_later_fields(session)
        assert len(lines) == notes
        assert all(line.startswith("energybench: ") for line in lines)
        assert "warnings summary" not in session.out


def test_a_saved_json_of_other_versions_is_a_baseline(newest: Pytest) -> None:
    """The same for the JSON of pytest-benchmark, and a record that cannot be read is no baseline,
    which one line says.
    """
    newest.write(SLEEPS.format(fixture="benchmark"))
    assert newest.measure(*QUICK, "--benchmark-json=now.json").code == 0
    content = json.loads((newest.folder / "now.json").read_text())
    (test,) = content["benchmarks"]
    own = json.loads(test["extra_info"]["energybench"])
    facts = content["energybench"]
    saved = {
        "as_it_is": (own, facts, 0, "one saved run"),
        "later": ({**own, "carbon_g": 1}, later(facts), 1, "one saved run"),
        "broken": ({**own, "windows_j": 5}, facts, 0, "no baseline"),
    }
    for name, (document, of_session, notes, words) in saved.items():
        test["extra_info"]["energybench"] = json.dumps(document)
        of_session = {**of_session, "session": "an earlier one"}
        (newest.folder / f"{name}.json").write_text(
            json.dumps({**content, "benchmarks": [test], "energybench": of_session})
        )
        session = newest.measure(*QUICK, GATE, "-W", "error", f"--benchmark-compare={name}.json")
        assert session.code == 0, session.out
        assert words in verdict(session), session.out
        assert len(notes_of_later_fields(session)) == notes
        refused = [line for line in session.lines if " is no baseline: " in line]
        assert len(refused) == (name == "broken"), session.out
