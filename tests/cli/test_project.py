"""`energybench project` at the command line: one document, the answer first, one line for a
mistake.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from energybench.model import Comparison, Projection
from tests.cli.process import in_process, one_line
from tests.projecting.scenarios import comparison


def written(path: Path, document: Comparison) -> str:
    """A comparison as `compare --json > FILE` leaves it."""
    path.write_bytes(msgspec.json.encode(document))
    return str(path)


def test_json_is_one_document(tmp_path: Path) -> None:
    """A published claim gives exactly one projection on stdout and nothing on stderr."""
    ran = in_process("project", "--scenario", "nersc-2023", "--json", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    projection = msgspec.json.decode(ran.out.encode(), type=Projection)
    assert (projection.schema, projection.kind, projection.scenario, projection.currency) == (
        "energybench/1",
        "projection",
        "nersc-2023",
        "USD",
    )
    assert projection.saved_mwh_per_month is None
    assert projection.solution is not None
    assert set(ran.json) == {
        "schema",
        "kind",
        "scenario",
        "title",
        "about",
        "comparisons",
        "mode",
        "boundary",
        "model",
        "solution",
        "sensitivity",
        "inputs",
        "lines",
        "saved_mwh_per_month",
        "saved_cost_per_month",
        "currency",
        "saved_tco2e_per_month",
        "claims",
        "doubts",
        "stamps",
        "replayed",
    }
    assert {"name", "value", "unit", "formula", "inputs"} <= set(ran.json["lines"][0])
    assert {"name", "claimed", "derived", "verdict", "why"} <= set(ran.json["claims"][0])


def test_text_begins_with_the_claims(tmp_path: Path) -> None:
    """The claims of a publication come first, then the values that they need, then lines by group
    with their words.
    """
    ran = in_process("project", "--scenario", "nersc-2023", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    rows = ran.out.replace("\u202f", " ").splitlines()
    assert rows[2].startswith("saved a month: not derived: the publication leaves quantities open")
    sections = [row for row in rows if row in ("claims", "solution", "lines", "inputs", "doubts")]
    assert sections == ["claims", "solution", "lines", "inputs", "doubts"]
    assert " what the published saving needs" in rows
    assert "  energy of a CPU fleet of which so much can be saved: 735 MWh [719, 755]" in rows
    assert any(
        row.startswith("  energy ratio of DeepCAM: claimed 9.8, over all solutions 0.20 to 7.94")
        and row.endswith(": needs more than was published")
        for row in rows
    )
    assert any(
        "claimed at least 4 000 000 USD, over all solutions 4 000 000 to 9 960 000" in row
        for row in rows
    )
    assert "  of 7 published figures: 4 consistent, 3 need more than was published" in rows
    assert "  GPU nodes of the fleet: 147 to 272 nodes (196 nodes)" in rows
    assert any("seen: docs.nersc.gov" in row for row in rows)
    assert any(
        "satisfy together with these: energy ratio of DeepCAM; energy ratio of EXAALT; speedup"
        in row
        for row in rows
    )
    # an assumed range of an open quantity counts: the price of electricity, and the power of a node
    assert "[2 of 28 inputs assumed]" in rows[0]
    assert any("2 of 28 inputs assumed" in row and "power of a GPU node" in row for row in rows)


def test_text_with_a_comparison_begins_with_the_saving(tmp_path: Path) -> None:
    """Saved MWh, money and carbon with their intervals come first."""
    own = written(tmp_path / "a.json", comparison(speedup=8.0, power_w=(450.0, 1200.0)))
    ran = in_process("project", "--scenario", "nersc-2023", own, cwd=tmp_path)
    assert ran.out.splitlines()[2].startswith("saved a month: energy 187.5 MWh   money ")


def test_a_stated_range_is_printed_as_stated(tmp_path: Path) -> None:
    """428 W, 373 to 483 W, of a scenario file is printed as there, and not with the brackets of a
    95 % interval.
    """
    (tmp_path / "s.toml").write_text(
        'schema = "energybench-scenario/1"\nname = "s"\ntitle = "S"\nabout = ""\n'
        '[inputs.power]\nvalue = 428\nlow = 373\nhigh = 483\nunit = "W"\nsource = "a page"\n'
        '[inputs.price]\nvalue = 0.10\nrange = "limits"\nlow = 0.0660\nhigh = 0.1864\n'
        'unit = ""\nsource = "b"\n'
        '[[lines]]\nname = "a"\nformula = "power * price"\n'
    )
    ran = in_process("project", "--scenario", "s.toml", cwd=tmp_path)
    lines = ran.out.splitlines()
    assert "  power: 428 W (stated range 373 to 483)   unstated: a page" in lines
    assert "  price: 0.1 (stated range 0.066 to 0.1864, limits)   unstated: b" in lines


def test_comparisons_from_files_and_stdin(tmp_path: Path) -> None:
    """Two applications, one of them piped; the mix is in the title, the comparison's doubts in the
    document.
    """
    first = written(tmp_path / "a.json", comparison(title="time x assumed power"))
    second = msgspec.json.encode(comparison("sdpa")).decode()
    ran = in_process(
        "project", "--scenario", "example-centre", first, "-", "--json", cwd=tmp_path, stdin=second
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["title"].endswith("mix of 2 applications (time x assumed power)")
    assert "ratio_energy_weighted" in [entry["name"] for entry in ran.json["lines"]]
    assert "time-x-assumed-power" in [doubt["code"] for doubt in ran.json["doubts"]]


def test_what_it_prints_can_be_reported(tmp_path: Path) -> None:
    """A projection that was printed is read again and rendered."""
    ran = in_process("project", "--scenario", "ai-inference-2023", "--json", cwd=tmp_path)
    (tmp_path / "p.json").write_text(ran.out, "utf-8")
    shown = in_process("report", "p.json", "--format", "markdown", cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert "7 140 kWh each" in shown.out.replace("\u202f", " ")


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
        assert message in one_line(in_process("project", *arguments, cwd=tmp_path))
    for name, text in (("-", measured.read_text()), ("-", ""), (str(measured), None)):
        line = one_line(
            in_process(
                "project", "--scenario", "example-centre", name, cwd=tmp_path, stdin=text or ""
            )
        )
        assert "measurement" in line or "is empty" in line or "m.json" in line


def test_listing(tmp_path: Path) -> None:
    """The scenarios are listed with their titles."""
    ran = in_process("list", "scenarios", "--json", cwd=tmp_path)
    assert [entry["name"] for entry in ran.json["entries"]] == [
        "ai-inference-2023",
        "example-centre",
        "nersc-2023",
    ]
    assert all(entry["about"] for entry in ran.json["entries"])


def test_sensitivity_at_the_command_line(tmp_path: Path) -> None:
    """A tornado for each answer, break-evens with "no solution" as such, and four questions; in the
    document with --json, and null without the option.
    """
    arguments = ("project", "--scenario", "example-centre")
    ran = in_process(*arguments, "--sensitivity", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    rows = ran.out.replace("\u202f", " ").splitlines()
    start = rows.index(" energy saved a month, one input at a time over its range")
    assert "share of the load that moves 40 to 80 %: 25 to 50 MWh" in rows[start + 1]
    assert rows[start + 1].split()[0] == "█" * 24
    assert any("price of electricity: no solution in the range 0.00100 to 10.0" in r for r in rows)
    assert any(r.startswith("  energy saved a month: baseline nodes: 3 nodes (") for r in rows)
    fixed = [row.split(":")[0] for row in rows if row.startswith("  fixed ")]
    assert fixed == ["  fixed nodes", "  fixed budget", "  fixed power", "  fixed performance"]
    document = in_process(*arguments, "--sensitivity", "--json", cwd=tmp_path).json
    assert {"swings", "break_evens", "questions"} == set(document["sensitivity"])
    assert in_process(*arguments, "--json", cwd=tmp_path).json["sensitivity"] is None


def test_a_projection_with_sensitivity_is_reported(tmp_path: Path) -> None:
    ran = in_process(
        "project", "--scenario", "example-centre", "--sensitivity", "--json", cwd=tmp_path
    )
    (tmp_path / "p.json").write_text(ran.out, "utf-8")
    for report in ("markdown", "csv", "html"):
        shown = in_process("report", "p.json", "--format", report, cwd=tmp_path)
        assert shown.code == 0, shown.err
        assert "no solution in the range" in shown.out or "break_even" in shown.out


def test_sensitivity_without_an_answer(tmp_path: Path) -> None:
    """A publication that leaves its fleet open has nothing to vary, and says so."""
    ran = in_process("project", "--scenario", "nersc-2023", "--sensitivity", cwd=tmp_path)
    assert "  the scenario has no answer whose inputs could be varied" in ran.out.splitlines()


def test_a_figure_that_nothing_tests(tmp_path: Path) -> None:
    """10 TWh and 1.4 million homes fix one open quantity each: no evidence, and counted apart."""
    ran = in_process("project", "--scenario", "ai-inference-2023", cwd=tmp_path)
    assert ": fixes electricity of a home, a year, no evidence" in ran.out
    assert (
        "  of 3 published figures: 2 fix a quantity that no other figure tests, 1 cannot be derived"
        in ran.out.splitlines()
    )
