"""Error lines are shortened between words."""

from __future__ import annotations

import pytest

from energybench.errors import brief


@pytest.mark.parametrize("most", range(40, 120, 7))
def test_a_long_text_is_cut_between_words(most: int) -> None:
    text = " ".join(f"word{number}" for number in range(60))
    short = brief(text, most)
    assert len(short) <= most
    first, last = short.split(" … ")
    assert text.startswith(f"{first} ")
    assert text.endswith(f" {last}")


def test_a_short_text_stays() -> None:
    assert brief("it cannot be completed", 40) == "it cannot be completed"


def test_a_text_of_one_word_loses_its_middle() -> None:
    short = brief("x" * 100 + "y" * 100, 60)
    assert len(short) <= 60
    assert short.startswith("x" * 28)
    assert short.endswith("y" * 28)
