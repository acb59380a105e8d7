"""Printed JSON holds no character that a terminal obeys."""

from __future__ import annotations

import json

import pytest

from energybench.store.run import pretty


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200f", "\x7f", "\x9b", "\x1b"])
def test_control_and_direction_characters_are_escaped(character: str) -> None:
    """The document reads back as it was, and has no such character raw."""
    text = pretty({"label": f"gpu{character}node"})
    assert character not in text
    assert json.loads(text) == {"label": f"gpu{character}node"}
