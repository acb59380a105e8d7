"""Doubts on a terminal: equal ones are one line, and no name is cut."""

from __future__ import annotations

from energybench.cli.doubt_lines import doubts
from energybench.model import Doubt

BOARDS = [f"gpu.board GPU-0003000{i}-0000-0000-0000-00000300000{i}" for i in range(6)]


def kind(subject: str, words: str = "sees all power") -> Doubt:
    return Doubt(
        code="counter-kind",
        message=f"the run (1 window) does not show whether the energy counter of {subject} {words}",
        remedy="`energybench calibrate` settles it",
        subject=subject,
    )


def test_the_same_doubt_about_several_boards_and_nodes_is_one_line() -> None:
    own = [kind(BOARDS[0]).carried_from("gpu1"), *(kind(b).carried_from("gpu2") for b in BOARDS)]
    (line,) = doubts(tuple(own))
    assert line.startswith("  doubt [counter-kind] gpu1: the run (1 window) does not show whether")
    assert f"; the same of 6 more: gpu2: {BOARDS[0]}, gpu2: {BOARDS[1]}, " in line
    assert line.endswith(" and 3 more → `energybench calibrate` settles it")


def test_a_shortened_doubt_keeps_the_whole_name_of_its_subject() -> None:
    """Doubts of one kind with figures of their own, of boards whose names are long."""
    lines = doubts(tuple(kind(board, f"{i} ways") for i, board in enumerate(BOARDS)))
    assert len(lines) == len(BOARDS)
    for line, board in zip(lines, BOARDS, strict=True):
        assert board in line
    assert all(line.endswith(" … → as above") for line in lines[1:])
    far = Doubt(
        code="counter-kind", message=f"{'word ' * 40}{BOARDS[1]}", remedy="r", subject=BOARDS[1]
    )
    again = Doubt(
        code="counter-kind", message=f"{'term ' * 40}{BOARDS[2]}", remedy="r", subject=BOARDS[2]
    )
    assert doubts((far, again))[1].endswith(f" … ({BOARDS[2]}) → as above")


def test_doubts_of_the_whole_result_stay_apart() -> None:
    """Two labels with the same words are two doubts."""
    one = Doubt(code="replayed", message="no machine was measured", remedy="measure it")
    both = (one.carried_from("cpu"), one.carried_from("gpu"))
    assert len(doubts(both)) == 2
