"""The scenario files of a bundle, from which its projections are made again."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.projecting import scenario_files, site_file
from energybench.projecting.scenario import Scenario
from energybench.regular_file import read_text
from energybench.toml_tables import load


class StatedScenario(NamedTuple):
    """A scenario. place: its file in the bundle; "" if it ships with energybench."""

    scenario: Scenario
    place: str = ""


class ScenarioFile(NamedTuple):
    """The content of a file.

    scenario  None for a file of site facts alone
    included  name of the file of site facts that the scenario includes; "" without one
    """

    scenario: Scenario | None
    included: str = ""


def read_scenario(path: Path) -> ScenarioFile:
    """A scenario, or a file of site facts. No file of another folder is read. Raises BadInput."""
    text = read_text(path, scenario_files.MAX_BYTES, remedy="a scenario")
    table = load(text, str(path))
    if table.get("schema") == site_file.SCHEMA:
        site_file.read_site(path)
        return ScenarioFile(None)
    included = table.get("include", "")
    if included and (not isinstance(included, str) or PurePosixPath(included).name != included):
        raise BadInput(
            f"{path}: include", "is not the name of a file beside the scenario", "put it there"
        )
    return ScenarioFile(scenario_files.parse(text, str(path), path.parent), included)
