"""A page holds its document: read back and rendered again, it gives the same bytes."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.model import Document, Measurement
from energybench.store import strict
from energybench.store.document_file import read_back
from energybench.store.packed_results import with_results
from energybench_reports.embedded_document import MOST_PLAIN, document_json
from energybench_reports.html import Html
from energybench_reports.packed_results import packed
from energybench_reports.pdf import Pdf
from tests.reports.consistent import consistent
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_many import applications, odd_labels, runs
from tests.reports.samples import SAMPLES

pytest.importorskip("altair")

MANY: dict[str, Callable[[], Document]] = {
    "applications": lambda: applications(14),
    "odd labels": odd_labels,
    "runs": lambda: runs(30),
}
replace = msgspec.structs.replace
BLOCK = re.compile(rb'<script type="(application/\w+)" id="results">([^<]*)</script>')


@pytest.mark.parametrize(
    ("sample", "in_full"),
    # the samples have so few runs that all are shown in full in any case
    [
        *((name, False) for name in SAMPLES),
        *((name, full) for name in MANY for full in (False, True)),
    ],
)
def test_a_page_read_back_gives_the_same_page(sample: str, in_full: bool) -> None:
    """Every result, the curves, the date and the options are in the page."""
    document = msgspec.structs.replace(consistent((SAMPLES | MANY)[sample]()), all_in_full=in_full)
    page = Html().render(document)
    read = read_back(page, "page.html").document()
    assert len(read.results) == len(document.results)
    assert [type(result) for result in read.results] == [type(r) for r in document.results]
    assert read.timelines == document.timelines
    assert Html().render(read) == page
    assert read_back(document_json(document), "document.json").document() == read


def test_a_large_document_is_compressed_and_a_small_one_is_not() -> None:
    """Anybody can read the JSON of a usual page; a thousand runs stay below some megabytes."""
    pages = [Html().render(runs(count)) for count in (2, 1000)]
    small, large = map(BLOCK.findall, pages)
    assert small[0][0] == b"application/json"
    assert len(small[0][1]) < MOST_PLAIN
    assert json.loads(small[0][1])["kind"] == "document"
    assert large[0][0] == b"application/gzip"
    assert len(pages[1]) < 3_000_000


def compressed(content: bytes) -> bytes:
    text = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return page_with("application/gzip", text)


def page_with(kind: str, text: str) -> bytes:
    return f'<!doctype html><script type="{kind}" id="results">{text}</script>'.encode()


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (page_with("application/gzip", "not base64!"), "is damaged"),
        (page_with("application/gzip", "AAAA"), "is damaged"),
        (page_with("application/gzip", ""), "is damaged"),
        (compressed(b"{}" * 5000)[:-40] + b"</script>", "is damaged"),
        (compressed(b""), "is empty"),
        (compressed(b"nothing"), "is not JSON"),
        (compressed(b"\xff"), "is not text"),
    ],
)
def test_a_damaged_block_is_refused_in_one_line(page: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as refused:
        read_back(page, "page.html")
    assert "\n" not in str(refused.value)


def test_data_after_the_compressed_document_are_refused() -> None:
    text = base64.b64encode(gzip.compress(b"{}", mtime=0) + b"more").decode()
    with pytest.raises(BadInput, match="is damaged"):
        read_back(page_with("application/gzip", text), "page.html")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is unpacked than a file may have, however much the block would give."""
    monkeypatch.setattr(strict, "MOST_BYTES", 1_000_000)
    inner = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    bomb = b"".join(inner.compress(bytes(1_000_000)) for _ in range(50)) + inner.flush()
    page = page_with("application/gzip", base64.b64encode(bomb).decode())
    assert len(page) < 100_000
    with pytest.raises(BadInput, match="its document: is larger than 1 MB"):
        read_back(page, "page.html")


LONG = "0.1234567891234"
FITTING: dict[str, Any] = packed(
    [
        replace(cpu_node(), id="a", label=f'":{LONG},"'),
        SAMPLES["study"]().results[0],
        replace(cpu_node(), id="b", label=":0.10000000000,"),
        replace(cpu_node(), id="c", label=":0.0000012345678,0.000012345678"),
    ]
)


def test_packed_results_are_the_results_in_their_order() -> None:
    """Also with digits of numbers in their texts, and with results of several kinds."""
    results = [*SAMPLES["comparison"]().results, *SAMPLES["study"]().results, *runs(5).results]
    results += [
        replace(cpu_node(), label=text) for text in (f":{LONG},", ":-1.5000000000,", "\x01")
    ]
    stated = json.loads(msgspec.json.encode({"packed": packed(results)}))
    again = msgspec.json.encode(with_results(stated, "d")["results"])
    assert again == msgspec.json.encode(results)


def _edited(**changes: Any) -> Any:
    return json.loads(msgspec.json.encode({**FITTING, **changes}))


NOT_FINITE = [base64.b64encode(b"\xff" * len(base64.b64decode(FITTING["numbers"][0]))).decode()] * 8


@pytest.mark.parametrize(
    "stated",
    [
        {},
        [],
        None,
        _edited(order=[]),
        _edited(order=FITTING["order"][:-1]),
        _edited(order=[*FITTING["order"], "measurement"]),
        _edited(order=["study", "study", "measurement", "measurement"]),
        _edited(texts=FITTING["texts"][:-1]),
        _edited(texts=["\x01", *FITTING["texts"][1:]]),
        _edited(fields={}),
        _edited(fields={"measurement": {"id": [0, 1], "label": [0]}}),
        _edited(fields={"measurement": {"id": [-1, -1, -1]}}),
        _edited(places=[]),
        _edited(places=[[0, 10**6], *FITTING["places"][1:]]),
        _edited(places=[[-1], *FITTING["places"][1:]]),
        _edited(shapes=FITTING["shapes"][:-1]),
        _edited(shapes=[9, 9, 9, 9]),
        _edited(numbers=FITTING["numbers"][:-1]),
        _edited(numbers=["", *FITTING["numbers"][1:]]),
        _edited(numbers=["not base64!"] * 8),
        _edited(numbers=NOT_FINITE),
    ],
)
def test_packed_results_that_do_not_fit_are_refused(stated: Any) -> None:
    """In one line, whichever piece was changed."""
    with pytest.raises(BadInput) as refused:
        with_results({"kind": "document", "packed": stated}, "page.html")
    assert "\n" not in str(refused.value)


def test_packed_results_make_no_more_text_than_a_file_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One long text that a thousand results share is not written a thousand times."""
    monkeypatch.setattr(strict, "MOST_BYTES", 1_000_000)
    text = json.dumps("x" * 10_000)
    bomb = {
        "order": ["measurement"] * 1000,
        "texts": [text],
        "fields": {"measurement": {"label": [0] * 1000}},
        "places": [[]],
        "shapes": [0] * 1000,
        "numbers": [""] * 8,
    }
    with pytest.raises(BadInput, match="packed: does not fit together"):
        with_results({"kind": "document", "packed": bomb}, "page.html")


def test_a_page_of_many_runs_loses_none(tmp_path: Path) -> None:
    """Also those that are rows of the overview alone."""
    document = consistent(runs(40))
    (tmp_path / "page.html").write_bytes(Html().render(document))
    read = read_back((tmp_path / "page.html").read_bytes(), "page.html")
    assert [r.id for r in read.results if isinstance(r, Measurement)] == [
        f"run-{i}" for i in range(40)
    ]


@pytest.mark.parametrize("sample", ["claims", "job"])
def test_a_pdf_holds_its_whole_document_too(sample: str) -> None:
    """Read back and rendered again, it gives the same bytes."""
    pytest.importorskip("typst")
    pytest.importorskip("pypdf")
    pages = Pdf().render(consistent(SAMPLES[sample]()))
    assert Pdf().render(read_back(pages, "report.pdf").document()) == pages
