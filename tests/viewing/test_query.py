"""Filters, order and pages of the table of runs."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from energybench.errors import BadInput
from energybench.viewing.query import Query, choices, page_of, parsed, select
from energybench.viewing.rows import Interval, Row


def row(path: str, **fields: object) -> Row:
    return Row(path=path.encode(), stamp=(1, 1), kind="run", label=path, **fields)  # type: ignore[arg-type]


ROWS = (
    row("a", energy_j=Interval(3.0, 2.0, 4.0), host="x", date="2026-01-05T10:00:00Z"),
    row("b", energy_j=None, host="y", date="2026-02-05T10:00:00Z", doubts=("one-node",)),
    row("c", energy_j=Interval(1.0, 0.0, 2.0), host="y", date="2026-02-06T10:00:00Z"),
    row("d", energy_j=Interval(2.0, 1.0, 3.0), host="", date="", command="gmx mdrun"),
)


def labels(address: str) -> str:
    return "".join(found.label for found in select(ROWS, parsed(parse_qs(address))))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "cbad"),
        ("sort=date", "abcd"),
        ("sort=energy", "cdab"),
        ("sort=-energy", "adcb"),
        ("sort=-host", "cbad"),
        ("sort=-doubts", "bcad"),
        ("host=y", "cb"),
        ("host=", "cbad"),
        ("host=z", ""),
        ("doubt=none", "cad"),
        ("doubt=any", "b"),
        ("doubt=one-node", "b"),
        ("since=2026-02", "cb"),
        ("until=2026-02-05", "ba"),
        ("until=2026", "cba"),
        ("since=2024-02-29", "cba"),
        ("since=2026-02-05&until=2026-02-05", "b"),
        ("q=MDRUN+gmx", "d"),
        ("q=mdrun+beta", ""),
        ("kind=job", ""),
    ],
)
def test_the_rows_that_an_address_asks_for(address: str, expected: str) -> None:
    """Rows without a value of the sorted column come last in both directions."""
    assert labels(address) == expected


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sort=__class__", "sort: is not a column"),
        ("sort=--energy", "sort: is not a column"),
        ("page=x", "page: is not a whole number"),
        ("page=１", "page: is not a whole number"),
        ("size=7", "size: is not a number of rows"),
        ("since=tomorrow", "since: is not a date"),
        ("until=2026-1", "until: is not a date"),
        ("since=2026-13", "since: is not a date"),
        ("since=2026-00", "since: is not a date"),
        ("until=2026-99-99", "until: is not a date"),
        ("until=2026-02-29", "until: is not a date"),
        ("since=0000", "since: is not a date"),
    ],
)
def test_an_address_that_asks_for_nonsense(address: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parsed(parse_qs(address))


@pytest.mark.parametrize(
    "address",
    ["", "q=a+b&host=y&doubt=none&since=2026&until=2027&within=ff&sort=energy&page=3&size=25"],
)
def test_a_query_reads_back_from_its_address(address: str) -> None:
    query = parsed(parse_qs(address))
    assert parsed(parse_qs(query.address())) == query


def test_a_page_beyond_the_last_is_the_last() -> None:
    """Runs may be removed while somebody reads."""
    rows = [row(str(number)) for number in range(60)]
    shown, query, pages = page_of(rows, Query(page=9, size=25))
    assert ([one.label for one in shown], query.page, pages) == (
        [str(number) for number in range(50, 60)],
        3,
        3,
    )
    assert page_of([], Query(page=2))[1:] == (Query(page=1), 1)


def test_energies_per_work_are_sorted_within_a_unit() -> None:
    """A joule per token and a joule per sample are not comparable."""
    rows = [
        row("a", per_work_j=Interval(5.0, 5.0, 5.0), work_unit="token"),
        row("b", per_work_j=Interval(9.0, 9.0, 9.0), work_unit="sample"),
        row("c", per_work_j=Interval(1.0, 1.0, 1.0), work_unit="token"),
    ]
    assert [one.label for one in select(rows, Query(sort="per-work", descending=False))] == [
        "b",
        "c",
        "a",
    ]


def test_runs_of_a_study_are_shown_on_demand() -> None:
    """They are not in the table of the store, and a study's table has them alone."""
    study = Row(path=b"study", stamp=(1, 1), kind="study", label="study")
    rows = (*ROWS, study, row("study/runs/1", inside=b"study"))
    assert "study/runs/1" not in [one.label for one in select(rows, Query())]
    within = select(rows, Query(within=study.key))
    assert [one.label for one in within] == ["study/runs/1"]
    assert select(rows, Query(within="0000")) == []


def test_a_filter_offers_the_texts_that_occur() -> None:
    offered = choices(ROWS, Query())
    assert offered["host"] == [("x", 1), ("y", 2)]
    assert offered["doubt"] == [("one-node", 1)]
    assert offered["quality"] == []
