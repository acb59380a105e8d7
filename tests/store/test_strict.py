"""Strict JSON: duplicate keys, nesting, halves of characters and endless numbers are refused."""

from __future__ import annotations

import pytest

from energybench.errors import BadInput
from energybench.store import strict


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": Infinity}', "Infinity"),
        ('{"a": 1', "line 1"),
        ("  ", "empty"),
    ],
)
def test_strict_json(text: str, says: str) -> None:
    """Duplicate keys, NaN, cut off, empty."""
    with pytest.raises(BadInput, match=says):
        strict.loads(text, "file.json")


def test_deep_nesting_is_refused() -> None:
    """Not a crash."""
    with pytest.raises(BadInput):
        strict.loads("[" * 100_000, "file.json")


def test_half_of_a_surrogate_pair_is_refused() -> None:
    """A whole pair is a character."""
    assert strict.loads(r'{"a": "\ud83d\ude00"}', "file.json") == {"a": "\U0001f600"}
    with pytest.raises(BadInput, match="half of a surrogate pair"):
        strict.loads(r'{"a": "\ud800"}', "file.json")


def test_an_endless_number_is_refused() -> None:
    """Python itself refuses to read more than 4300 digits."""
    with pytest.raises(BadInput, match="too many digits"):
        strict.loads('{"a": ' + "9" * 5000 + "}", "file.json")
