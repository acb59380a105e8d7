"""The works of a run's repeats, from its lines."""

from __future__ import annotations

import pytest

from energybench.model import REPEAT, Window, Work
from energybench.store.run import RecordLine, works_of_whole_repeats


def work(amount: float) -> Work:
    return Work(amount=amount, unit="step", fingerprint="f", precision="equal-precision")


def windows(*cut: bool) -> list[Window]:
    return [
        Window(
            label=REPEAT,
            start_s=float(i),
            end_s=i + 0.5,
            repeat=i,
            cut="program-killed" if is_cut else None,
        )
        for i, is_cut in enumerate(cut)
    ]


@pytest.mark.parametrize(
    ("cut", "stated", "amounts"),
    [
        ((False, False, False), {0: 1, 1: 2, 2: 3}, [1, 2, 3]),
        ((False, False, False), {0: 1, 2: 3}, [1, None, 3]),
        ((False, True, False), {0: 1, 2: 3}, [1, 3]),
        ((True,), {}, [None]),
        ((False, False), {}, [None, None]),
    ],
)
def test_a_work_belongs_to_the_repeat_of_its_number(
    cut: tuple[bool, ...], stated: dict[int, float], amounts: list[float | None]
) -> None:
    """A repeat without work leaves a gap, and a cut repeat none."""
    lines = [RecordLine(work=work(amount), repeat=i) for i, amount in stated.items()]
    works = works_of_whole_repeats(lines, windows(*cut))
    assert [stated and stated.amount for stated in works] == amounts


def test_works_without_numbers_belong_to_the_first_repeats() -> None:
    """As workloads state them, and as earlier versions wrote them."""
    lines = [RecordLine(work=work(1)), RecordLine(work=work(2))]
    works = works_of_whole_repeats(lines, windows(False, False, False))
    assert [stated and stated.amount for stated in works] == [1, 2, None]
