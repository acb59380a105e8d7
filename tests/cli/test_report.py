"""`energybench report`: how many results are shown in full, and the title."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energybench.model import IN_FULL, Comparison
from tests.cli.process import in_process
from tests.reports.sample_many import applications


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Thirteen comparisons, as `compare --json` prints them."""
    names = []
    for i, pair in enumerate(applications(IN_FULL + 1).of(Comparison)):
        names.append(f"{i}.json")
        (tmp_path / names[-1]).write_bytes(msgspec.json.encode(pair))
    return names


def test_twelve_in_full_and_all_on_request(tmp_path: Path, files: list[str]) -> None:
    """Each comparison is a row of the overview; the thirteenth has no headline without --all."""
    few = in_process("report", *files, "--format", "markdown", cwd=tmp_path).out
    headline = "**application 12 on CPUs → application 12 on GPUs: "
    assert "| application 12 on CPUs → application 12 on GPUs |" in few
    assert headline not in few
    assert f"{IN_FULL} of {IN_FULL + 1} results are shown in full" in few
    every = in_process("report", *files, "--format", "markdown", "--all", cwd=tmp_path).out
    assert headline in every
    assert "shown in full" not in every


def test_the_title_names_few_results_and_counts_many(tmp_path: Path, files: list[str]) -> None:
    """A title of thirteen names is not a title."""
    one = in_process("report", files[0], "--format", "markdown", cwd=tmp_path).out
    assert one.startswith("# application 0 on CPUs → application 0 on GPUs\n")
    many = in_process("report", *files, "--format", "markdown", cwd=tmp_path).out
    assert many.startswith("# 13 comparisons\n")
    named = in_process("report", *files, "--title", "Mine", "--format", "markdown", cwd=tmp_path)
    assert named.out.startswith("# Mine\n")


def test_a_title_stands_once_above_a_single_result(tmp_path: Path, files: list[str]) -> None:
    """The page of one comparison does not repeat its title as a heading of every part."""
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    in_process("report", files[0], "--format", "html", "--out", "p.html", cwd=tmp_path)
    page = (tmp_path / "p.html").read_text("utf-8").partition("<main>")[2]
    body = page.partition("<footer>")[0]
    assert body.count("application 0 on CPUs → application 0 on GPUs") <= 3


def test_a_publication_of_a_later_test_is_refused(tmp_path: Path, files: list[str]) -> None:
    """By report, statement and bundle, in one line; what can be bought later is marked as such."""
    head = 'schema = "energybench-publication/1"\n'
    (tmp_path / "pub.toml").write_text(head + 'tested = "2026-12-05"\n')
    for words in (
        ("report", files[0]),
        ("statement", files[0], "--out", "s.pdf"),
        ("bundle", files[0], "--out", "b.zip"),
    ):
        call = (*words, "--publication", "pub.toml", "--date", "2026-11-29")
        refused = in_process(*call, cwd=tmp_path)
        assert refused.code == 2
        if words[0] != "statement":  # which needs the runs of a comparison before
            assert "pub.toml: tested: 2026-12-05 lies after the date of the report" in refused.err
    (tmp_path / "pub.toml").write_text(
        head + 'hardware_available = "2027-03"\nsoftware_available = "2026-11"\n'
    )
    call = ("report", files[0], "--publication", "pub.toml", "--date", "2026-11-29")
    text = in_process(*call, "--format", "markdown", cwd=tmp_path).out
    (hardware,) = [row for row in text.splitlines() if "hardware available" in row]
    (software,) = [row for row in text.splitlines() if "software available" in row]
    assert "after the date of this report, 2026-11-29" in hardware
    assert "after the date" not in software
