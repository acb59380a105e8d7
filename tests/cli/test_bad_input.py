"""Every wrong flag, file or run directory gets one line that names it, exit code 2, no traceback;
nothing measured is lost.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energybench.cli.main import main
from tests.cli.process import REPLAYS, energybench, in_process, one_line

SCENARIOS = REPLAYS.parent / "scenarios"
pytestmark = pytest.mark.xdist_group("bad_input")  # one run, which the module's tests share


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, replayed."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("cpu", "gpu"):
        ran = in_process(
            "measure",
            "--replay",
            str(REPLAYS / f"{name}-node.toml"),
            "--label",
            name,
            "--out",
            "results",
            "--json",
            cwd=folder,
        )
        assert ran.code == 0, ran.err
        (folder / f"{name}.json").write_text(ran.out)
    return folder


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["measure"], "names no program"),
        (["measure", "--repeats", "0", "--", "true"], "--repeats"),
        (["measure", "--repeats", "x", "--", "true"], "--repeats"),
        (["measure", "--nonsense", "--", "true"], "--nonsense"),
        (["measure", "--boundary", "wall", "--", "true"], "--boundary wall"),
        (["measure", "--boundary", "node-dc", "--", "true"], "no node meter"),
        (["measure", "--collector", "nosuch", "--", "true"], "nosuch"),
        (["measure", "--replay", "nosuch.toml"], "nosuch.toml"),
        (["measure", "--idle", "-1", "--", "true"], "--idle"),
        (["run", "nosuch"], "nosuch"),
        (["run"], "'workload'"),
        (["run", "milc", "--size", "huge"], "huge"),
        (["run", "milc", "--device", "tpu"], "tpu"),
        (["run", "milc", "--device", "cuda:"], "cuda:"),
        (["run", "milc", "--set", "mass"], "mass"),
        (["run", "milc", "--idle", "0", "--set", "nosuch=1"], "nosuch"),
        (["run", "milc", "--repeats", "few"], "few"),
        (["compare", "nosuch", "nosuch"], "nosuch"),
        (["compare", "cpu"], "'candidate'"),
        (["compare", "cpu", "gpu", "--margin", "7"], "--margin"),
        (["list", "nosuch"], "nosuch"),
        (["doctor", "--root", "nosuch"], "--root nosuch"),
        (["report", "nosuch"], "nosuch"),
        (["report", "cpu", "--format", "nosuch"], "nosuch"),
        (["project"], "--scenario"),
        (["project", "--scenario", "nosuch"], "nosuch"),
        (["recover", "nosuch"], "nosuch"),
        (["nosuch"], "nosuch"),
    ],
)
def test_wrong_arguments(store: Path, arguments: list[str], says: str) -> None:
    """One line that names what is wrong."""
    # a workload and a program's sensors have processes of their own
    run = energybench if arguments[0] in ("run", "measure") else in_process
    assert says in one_line(run(*arguments, cwd=store))


def test_a_process_ends_with_the_same_line(store: Path) -> None:
    """Code, line and empty stdout are those of the process too, not of the function alone."""
    arguments = ("compare", "nosuch", "nosuch")
    assert energybench(*arguments, cwd=store) == in_process(*arguments, cwd=store)


def damaged(text: str, kind: str) -> str:
    document = json.loads(text)
    if kind == "truncated":
        return text[: len(text) // 2]
    if kind == "empty":
        return ""
    if kind == "nan":
        return text.replace(json.dumps(document["energy_j"]["value"]), "NaN", 1)
    if kind == "duplicate":
        return text.replace('"label":', '"label": "x",\n "label":', 1)
    if kind == "missing":
        return json.dumps({key: value for key, value in document.items() if key != "energy_j"})
    if kind == "foreign":
        return json.dumps({"benchmarks": [], "version": "5.1.0"})
    if kind == "type":
        return json.dumps({**document, "energy_j": "many"})
    if kind == "outside":
        return json.dumps(
            {**document, "energy_j": {**document["energy_j"], "low": document["energy_j"]["high"]}}
        )
    if kind == "later":
        return json.dumps({**document, "schema": "energybench/2"})
    assert kind == "list"
    return "[1, 2]"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("truncated", "cut off"),
        ("empty", "empty"),
        ("nan", "NaN"),
        ("duplicate", "'label' stands twice"),
        ("missing", "energy_j"),
        ("foreign", "schema"),
        ("type", "energy_j"),
        ("outside", "outside its interval"),
        ("later", "energybench/2"),
        ("list", "schema"),
    ],
)
def test_a_damaged_run_is_reported_not_guessed_at(
    store: Path, tmp_path: Path, kind: str, says: str
) -> None:
    """Truncated, foreign, NaN, duplicate, missing keys: the line names the file and the mistake."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(damaged((store / "cpu.json").read_text(), kind))
    before = (run / "run.json").read_bytes()
    line = one_line(in_process("compare", str(run), str(run), cwd=tmp_path))
    assert "run.json" in line
    assert says in line
    assert (run / "run.json").read_bytes() == before


def test_fields_of_a_later_version_are_passed_over_with_one_line(
    store: Path, tmp_path: Path
) -> None:
    """Runs that hold fields this version does not know are compared and reported all the same, and
    one line names the fields, however many runs hold them.
    """
    for name in ("one", "two"):
        document = json.loads((store / "cpu.json").read_text())
        document["surprise"] = 1
        document["repeats"][0]["spin"] = [2]
        document["components_j"]["cpu.package"]["shade"] = "dark"
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "run.json").write_text(json.dumps(document))
    fields = "components_j[].shade, repeats[].spin, surprise"
    note = f"hold fields that this version does not know: {fields}; written by a later energybench?"
    compared = in_process("compare", "one", "two", "--store", "results", "--json", cwd=tmp_path)
    assert compared.code == 0, compared.err
    assert compared.json["energy_ratio"]["value"] == pytest.approx(1)
    assert compared.err == f"energybench: results/one/run.json and 1 more {note}\n"
    reported = in_process("report", "results", "--format", "terminal", cwd=tmp_path)
    assert reported.code == 0, reported.err
    assert reported.err.count(note) == 1
    assert "does not know" not in reported.out


def test_an_unknown_key_of_a_file_that_people_write_is_refused(store: Path, tmp_path: Path) -> None:
    """A misspelled key of a scenario would otherwise be passed over, and its default used."""
    scenario = (SCENARIOS / "example-centre.toml").read_text()
    (tmp_path / "ours.toml").write_text(scenario.replace("currency =", "curency ="))
    compared = in_process("compare", "cpu", "gpu", "--force", "--json", cwd=store)
    (tmp_path / "ratio.json").write_text(compared.out)
    line = one_line(in_process("project", "--scenario", "ours.toml", "ratio.json", cwd=tmp_path))
    assert "ours.toml" in line
    assert "curency" in line


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        ("precision=fp7", "--variant precision=fp7: not allowed (allowed: one of"),
        (
            "precision=mixed,nosuch=1",
            "--variant precision=mixed,nosuch=1: nosuch: no such setting (have: ",
        ),
        ("precision=mixed,mass=-3", "--variant precision=mixed,mass=-3: mass=-3: not allowed"),
    ],
)
def test_a_wrong_variant_is_named_as_it_was_typed(tmp_path: Path, variant: str, says: str) -> None:
    """The workload knows settings only; the line names the option that the person typed, and no
    --set that they did not.
    """
    line = one_line(
        energybench(
            "run", "milc", "--idle", "0", "--variant", variant, "--set", "threads=1", cwd=tmp_path
        )
    )
    assert says in line
    assert "--set" not in line


def test_other_work_is_refused_and_forced(store: Path, tmp_path: Path) -> None:
    """The refusal says why and how to force it; forced, the doubt is there."""
    document = json.loads((store / "gpu.json").read_text())
    document["work"]["fingerprint"] = "another lattice"
    run = tmp_path / "other"
    run.mkdir()
    (run / "run.json").write_text(json.dumps(document))
    cpu = str(next((store / "results").glob("*_cpu_*")))
    line = one_line(in_process("compare", cpu, str(run), cwd=tmp_path))
    assert "other work" in line
    assert "--force" in line
    forced = in_process("compare", cpu, str(run), "--force", "--json", cwd=tmp_path)
    assert forced.code == 0
    assert "forced-work" in {doubt["code"] for doubt in forced.json["doubts"]}


def test_an_ambiguous_id_is_asked_about(store: Path) -> None:
    """An id that fits two runs is not guessed."""
    assert "fits 2 runs" in one_line(in_process("compare", "20", "cpu", cwd=store))


def test_a_report_that_cannot_be_written(store: Path) -> None:
    """The file is named, and the code is that of output that cannot be written."""
    (store / "plain").write_text("")
    ran = in_process("report", "cpu", "--format", "terminal", "--out", "plain/r.html", cwd=store)
    assert (ran.code, ran.out) == (125, "")
    assert ran.err == "energybench: --out plain/r.html: cannot be written: Not a directory\n"


def test_a_report_makes_no_folder(store: Path) -> None:
    """A folder that does not exist is named with the command that makes it, and is not made; with
    it the report is written.
    """
    line = one_line(
        in_process("report", "cpu", "--format", "markdown", "--out", "new/deep er/r.md", cwd=store)
    )
    assert "--out new/deep er/r.md: there is no folder new/deep er (mkdir -p 'new/deep er')" in line
    assert not (store / "new").exists()
    (store / "new" / "deep er").mkdir(parents=True)
    assert (
        in_process(
            "report", "cpu", "--format", "markdown", "--out", "new/deep er/r.md", cwd=store
        ).code
        == 0
    )
    assert (store / "new/deep er/r.md").stat().st_size > 500


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('schema = "energybench-replay/1"', "schema"),
        ("label = ", "label"),
        ("repeats = [", "repeats"),
    ],
)
def test_a_wrong_replay_file(tmp_path: Path, change: str, says: str) -> None:
    """The key and the file."""
    text = (
        (REPLAYS / "cpu-node.toml")
        .read_text()
        .replace(change, change.replace(change.split(" ")[0], "wrong", 1), 1)
    )
    (tmp_path / "r.toml").write_text(text)
    line = one_line(in_process("measure", "--replay", "r.toml", cwd=tmp_path))
    assert "r.toml" in line
    assert says in line or "wrong" in line


def test_help_and_version(tmp_path: Path) -> None:
    """Asked for or not, help is no error."""
    for arguments in ([], ["--help"], ["measure", "--help"]):
        ran = energybench(*arguments, cwd=tmp_path)
        assert ran.code == 0
        assert "Usage:" in ran.out
    assert energybench("--version", cwd=tmp_path).out.startswith("energybench ")


@pytest.mark.parametrize("number", ["9" * 5000, "²", "٣"])
@pytest.mark.parametrize(
    "words",
    [
        ("measure", "--repeats", "{}", "--", "true"),
        ("run", "sdpa", "--repeats", "{}"),
        ("run", "sdpa", "--device", "cuda:{}"),
        ("simulate", "--run-repeats", "{}"),
    ],
)
def test_numbers_that_python_cannot_read(words: tuple[str, ...], number: str, store: Path) -> None:
    """Thousands of digits, and digits of other scripts, are a mistake like any other."""
    one_line(in_process(*(word.format(number) for word in words), cwd=store))


@pytest.mark.parametrize("option", ["--root", "--out", "--replay"])
def test_text_that_no_name_of_a_file_can_be(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lone surrogate, as a caller in Python may pass it."""
    assert main(["measure", option, "\ud800", "--", "true"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert r"'\ud800'" in line or r"\ud800" in line
