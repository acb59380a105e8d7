"""`energybench project` at the command line: one document, the answer first, one line for a
mistake.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energybench.model import Comparison, Projection
from tests.cli.process import energybench, one_line
from tests.projecting.test_project import comparison


def written(path: Path, document: Comparison) -> str:
    """A comparison as `compare --json > FILE` leaves it."""
    path.write_bytes(msgspec.json.encode(document))
    return str(path)


def test_json_is_one_document(tmp_path: Path) -> None:
    """A published claim gives exactly one projection on stdout and nothing on stderr."""
    ran = energybench("project", "--scenario", "nersc-2023", "--json", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    projection = msgspec.json.decode(ran.out.encode(), type=Projection)
    assert (projection.schema, projection.kind, projection.scenario, projection.currency) == (
        "energybench/1",
        "projection",
        "nersc-2023",
        "USD",
    )
    assert projection.saved_mwh_per_month is not None
    assert projection.saved_mwh_per_month.value == pytest.approx(588, abs=1)
    assert set(ran.json) == {
        "schema",
        "kind",
        "scenario",
        "title",
        "lines",
        "saved_mwh_per_month",
        "saved_cost_per_month",
        "currency",
        "saved_tco2e_per_month",
        "claims",
        "doubts",
    }
    assert {"name", "value", "unit", "formula", "inputs"} <= set(ran.json["lines"][0])
    assert {"name", "claimed", "derived", "fits", "why"} <= set(ran.json["claims"][0])


def test_text_begins_with_the_answer(tmp_path: Path) -> None:
    """Saved MWh, money and carbon with their intervals come first; claims, lines, inputs and doubts
    follow.
    """
    ran = energybench("project", "--scenario", "nersc-2023", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    rows = ran.out.splitlines()
    assert rows[2].startswith("saved a month: energy 587 MWh [518, 657]   money 4")
    sections = [row for row in rows if row in ("claims", "lines", "inputs", "doubts")]
    assert sections == ["claims", "lines", "inputs", "doubts"]
    assert "      = cpu_energy_mwh * (1 - 1 / mean_ratio)   (E_cpu · (1 − 1/R), a month)" in rows
    assert any(
        row.startswith(
            "  energy ratio of DeepCAM: claimed 9.8, derived 3.57 [3.43, 3.72]: does not fit"
        )
        for row in rows
    )
    assert any(row.startswith("  speedup of up to: claimed 12: not derivable") for row in rows)
    assert any("seen: docs.nersc.gov" in row for row in rows)


def test_a_stated_range_is_printed_as_stated(tmp_path: Path) -> None:
    """428 W [373, 483] of a scenario file is printed with these limits, not with 95 % quantiles."""
    (tmp_path / "s.toml").write_text(
        'schema = "energybench-scenario/1"\nname = "s"\ntitle = "S"\nabout = ""\n'
        '[inputs.power]\nvalue = 428\nlow = 373\nhigh = 483\nunit = "W"\nsource = "a page"\n'
        '[inputs.price]\nvalue = 0.10\nlow = 0.0660\nhigh = 0.1864\nunit = ""\nsource = "b"\n'
        '[[lines]]\nname = "a"\nformula = "power * price"\n'
    )
    ran = energybench("project", "--scenario", "s.toml", cwd=tmp_path)
    assert "  power  428 W [373, 483]   a page" in ran.out.splitlines()
    assert "  price  0.1 [0.066, 0.1864]   b" in ran.out.splitlines()


def test_comparisons_from_files_and_stdin(tmp_path: Path) -> None:
    """Two applications, one of them piped; the mix is in the title, the comparison's doubts in the
    document.
    """
    first = written(tmp_path / "a.json", comparison(title="time x assumed power"))
    second = msgspec.json.encode(comparison("sdpa")).decode()
    ran = energybench(
        "project", "--scenario", "example-centre", first, "-", "--json", cwd=tmp_path, stdin=second
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["title"].endswith("mix of 2 applications (time x assumed power)")
    assert "ratio_energy_weighted" in [entry["name"] for entry in ran.json["lines"]]
    assert "time-x-assumed-power" in [doubt["code"] for doubt in ran.json["doubts"]]


def test_what_it_prints_can_be_reported(tmp_path: Path) -> None:
    """A projection that was printed is read again and rendered."""
    ran = energybench("project", "--scenario", "ai-inference-2023", "--json", cwd=tmp_path)
    (tmp_path / "p.json").write_text(ran.out, "utf-8")
    shown = energybench("report", "p.json", "--format", "markdown", cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert "7 143 kWh each" in shown.out.replace("\u202f", " ")


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    """Wrong scenario, file or kind, cut-off or repeated input: exit code 2 and one line."""
    measured = tmp_path / "m.json"
    measured.write_text('{"schema": "energybench/1", "kind": "measurement"}')
    cut = tmp_path / "cut.json"
    cut.write_text('{"schema": "energybench/1", "kind": "comp')
    bad = tmp_path / "bad.toml"
    bad.write_text(
        'schema = "energybench-scenario/1"\nname = "b"\ntitle = "B"\nabout = ""\n[[lines]]\nname = '
        '"a"\nformula = "1 / 0"\n'
    )
    good = written(tmp_path / "g.json", comparison())
    for arguments, message in (
        (["--scenario", "nersc"], "scenario 'nersc': no such scenario (did you mean nersc-2023?"),
        ([], "Missing option '--scenario'"),
        (["--scenario", "example-centre", "no.json"], "no.json: no such file"),
        (["--scenario", "example-centre", "."], ".: is a folder, not a comparison"),
        (["--scenario", "example-centre", str(cut)], "cut.json: is not JSON at line 1"),
        (
            ["--scenario", "example-centre", good, good],
            "was given the comparison milc cpu → milc cuda twice",
        ),
        (["--scenario", str(bad)], "bad.toml: lines.a: '1 / 0' divides by 0"),
        (["--scenario", str(bad), good], "bad.toml: takes no comparison"),
    ):
        assert message in one_line(energybench("project", *arguments, cwd=tmp_path))
    for name, text in (("-", measured.read_text()), ("-", ""), (str(measured), None)):
        line = one_line(
            energybench("project", "--scenario", "example-centre", name, cwd=tmp_path, stdin=text)
        )
        assert "measurement" in line or "is empty" in line or "m.json" in line


def test_listing(tmp_path: Path) -> None:
    """The scenarios are listed with their titles."""
    ran = energybench("list", "scenarios", "--json", cwd=tmp_path)
    assert [entry["name"] for entry in ran.json["entries"]] == [
        "ai-inference-2023",
        "example-centre",
        "nersc-2023",
    ]
    assert all(entry["about"] for entry in ran.json["entries"])
