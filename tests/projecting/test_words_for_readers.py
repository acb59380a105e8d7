"""What a projection shows a reader: labels in place of names, shares in per cent, and one unit for
one quantity.
"""

from __future__ import annotations

import re

import pytest

from energybench.cli import projection_text
from energybench.model import Document, Projection
from energybench.projecting.fleet_inputs import STANDARD
from energybench.projecting.mix import QUANTITIES
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from energybench.units import SHARE
from energybench_reports.html import Html
from energybench_reports.markdown import Markdown
from energybench_reports.terminal import Terminal
from tests.projecting.scenarios import comparison
from tests.projecting.sensitivities import BASE, IDLE, PRICES, fleet

SHARES = {"accelerated_share": (0.6, "")}


def projected(text: str, count: int = 0) -> Projection:
    comparisons = [comparison(name) for name in ("milc", "sdpa", "hpl")[:count]]
    return project(parse(text, "f.toml"), comparisons, "f.toml", with_sensitivity=True)


def with_comparisons() -> Projection:
    """A fleet whose speedup and powers come from three comparisons."""
    text = fleet(**IDLE, **PRICES, **SHARES)
    for name, unit in (("speedup", ""), ("power_baseline_w", "W"), ("power_candidate_w", "W")):
        text = text.replace(
            f'[inputs.{name}]\nvalue = {BASE[name][0]}\nunit = "{unit}"\nsource = "s"\n',
            f'[inputs.{name}]\nmeasured = "{name}"\n',
        )
    return projected(text, 3)


def pages(projection: Projection) -> dict[str, str]:
    document = Document(title="T", results=(projection,), created_utc="", version="")
    return {
        "terminal": projection_text.text(projection),
        **{
            one.name: one.render(document).decode().partition('id="results"')[0]
            for one in (Html(), Markdown(), Terminal())
        },
    }


@pytest.mark.parametrize("count", [0, 3])
def test_every_built_in_quantity_has_words(count: int) -> None:
    """Inputs without a label of the scenario, lines of the model and of the mix, break-evens."""
    projection = with_comparisons() if count else projected(fleet(**IDLE, **PRICES, **SHARES))
    assert all(line.label for line in projection.lines)
    assert all(entry.label for entry in projection.base_inputs)
    assert projection.sensitivity is not None
    assert all(one.label for one in projection.sensitivity.break_evens)
    assert all(one.label for one in projection.sensitivity.swings)


def test_doubts_name_inputs_by_their_words() -> None:
    """No name of a formula stands in the message of a doubt, nor among the largest effects."""
    projection = projected(fleet(**IDLE, **PRICES, **SHARES))
    text = projection_text.text(projection)
    effects = [row for row in text.splitlines() if "largest effects" in row]
    messages = [doubt.message for doubt in projection.doubts]
    assert any("baseline nodes" in message for message in messages)
    names = {*STANDARD, *QUANTITIES} - {"speedup", "pue"}
    for words in (*messages, *effects):
        assert not names & set(re.findall(r"\w+", words)), words


def test_shares_are_percentages_in_every_format() -> None:
    """Utilisations, shares of the load and of the energy: 60 %, and nowhere 0.6."""
    projection = projected(fleet(**IDLE, **SHARES))
    shares = [line for line in projection.lines if line.unit == SHARE]
    assert {line.name for line in shares} == {"load_candidate", "saved_share"}
    stated = [entry for entry in projection.base_inputs if entry.unit == SHARE]
    assert {entry.name for entry in stated} == {
        "accelerated_share",
        "utilisation_baseline",
        "utilisation_candidate",
    }
    for text in pages(projection).values():
        assert "60 %" in text.replace("\u202f", " ")
        assert "0.6 " not in text


def test_a_page_has_one_prefix_for_a_unit() -> None:
    """1 880 W beside 428 W, and not 1.88 kW."""
    projection = projected(
        fleet(**IDLE) + '[[lines]]\nname = "two"\nunit = "W"\n'
        'formula = "2 * power_baseline_w + 880"\n'
    )
    for text in pages(projection).values():
        assert "1 880 W" in text.replace("\u202f", " ").replace("\ue000", " ")
        assert "1.88 kW" not in text


def test_every_format_says_what_a_scenario_is_about() -> None:
    projection = projected(fleet(**IDLE).replace('about = "A"', 'about = "A fleet of one room."'))
    assert projection.about == "A fleet of one room."
    for text in pages(projection).values():
        assert "A fleet of one room." in text
