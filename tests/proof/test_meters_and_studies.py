"""Runs with an attached meter, and studies, in a bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from energybench.analysis.comparison.study_cells import ratios_of, run_of
from energybench.measuring.session import ranges
from energybench.model import Axes, Cell, Study, StudyCell, StudyPlan, Variant
from energybench.proof.checking import check
from energybench.store import digests, reader
from energybench.store.study import StudyStore
from tests.cli.metered_runs import Run, attach, measured, meter, node_j
from tests.cli.process import in_process
from tests.proof.conftest import Results
from tests.proof.forging import Change, edit, rebuilt


def bundle(folder: Path, out: str, *more: str) -> Path:
    ran = in_process("bundle", "results", "--out", out, *more, cwd=folder)
    assert ran.code == 0, ran.err
    return folder / out


# ---------------------------------------------------------------- attached meters


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run, and the run that has the readings of a meter of the node as well."""
    run = measured(tmp_path_factory.mktemp("metered"), 1.06)
    pdu = meter(run.folder / "pdu.csv", node_j, 2.37)
    assert attach(run, pdu, "--name", "rack7-pdu").code == 0
    return run


@pytest.mark.parametrize("redact", [(), ("--redact", "--hide", "rack7-pdu")])
def test_a_run_with_a_meter_is_verified(metered: Run, redact: tuple[str, ...]) -> None:
    """From its samples, of which the meter's readings are a part; its file and clock are named."""
    path = bundle(metered.folder, "meter.zip", *redact)
    found = check(path, ranges())
    assert found.outcome == "verified", found.findings
    assert sum("energies, times, powers" in words for words in found.checked) == 2
    (words,) = [words for words in found.not_checked if "attached meter, and its clock" in words]
    assert (metered.id in words) == (not redact)
    assert (b"rack7-pdu" in path.read_bytes()) == (not redact)


# ---------------------------------------------------------------- studies


@pytest.fixture(scope="module")
def studied(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one cell, whose variants are the two recorded runs."""
    folder = tmp_path_factory.mktemp("studied")
    store = StudyStore(folder / "results" / "study_solvers_cpu_1a2b3c4d")
    directories = {}
    for source in results.runs:
        directories[source.name] = store.runs / source.name
        shutil.copytree(source, directories[source.name])
    found = {
        name: reader.read_run(directory)
        for name, directory in zip(("first", "second"), directories.values(), strict=True)
    }
    variants = tuple(Variant(name=name, settings={}) for name in found)
    cell = Cell(key="one", at={"n": 1}, workload="w", size="S", step_amount=1.0, variants=variants)
    runs = tuple(run_of(cell, name, run, None) for name, run in found.items())
    cells = (StudyCell(cell=cell, runs=runs, ratios=ratios_of(runs, found)),)
    study = Study(
        id=store.directory.name,
        workload="solvers",
        device="cpu",
        plan=StudyPlan(
            name="n",
            title="t",
            about="a",
            settings={},
            cells=(cell,),
            axes=Axes(x="n", y="n", panels=()),
        ),
        cells=cells,
        claims=(),
        idle_power_w=None,
        host=found["first"].host,
        doubts=tuple({one.code: one for run in found.values() for one in run.doubts}.values()),
        created_utc="2026-11-29T10:30:00Z",
    )
    assert len(study.cells[0].ratios) == 1
    store.save(digests.study_with_digests(study, directories))
    store.close()
    return folder


@pytest.fixture(scope="module")
def study_bundle(studied: Path) -> Path:
    return bundle(studied, "study.zip")


@pytest.mark.parametrize("redact", [False, True])
def test_a_study_is_verified(studied: Path, study_bundle: Path, redact: bool) -> None:
    """Variants and ratios are computed again from the runs, whose files the study names."""
    found = check(bundle(studied, "hidden.zip", "--redact") if redact else study_bundle, ranges())
    assert found.outcome == "verified", found.findings
    words = "from 2 runs, whose files it names by their SHA-256"
    assert any(checked.endswith(words) for checked in found.checked), found.checked
    assert sum("energies, times, powers" in words for words in found.checked) == 2


@pytest.mark.parametrize(
    "change",
    [
        edit("study.json", lambda s: s["cells"][0]["ratios"][0]["energy_ratio"].update(low=1.0)),
        edit("study.json", lambda s: s["cells"][0]["runs"][1]["time_s"].update(low=0.5)),
        edit("study.json", lambda s: s["cells"][0]["runs"][1]["digests"][1].update(sha256="0")),
        edit("study.json", lambda s: s["doubts"][0].update(message="measured on the machine")),
        edit("study.json", lambda s: s["doubts"].pop()),
        edit("study.json", lambda s: s.update(stamps=[])),
        edit("study.json", lambda s: s["plan"].update(verified_by="an authority")),
    ],
)
def test_a_study_that_was_changed(study_bundle: Path, tmp_path: Path, change: Change) -> None:
    found = check(rebuilt(study_bundle, tmp_path, change, sums=True), ranges())
    assert found.outcome == "differs"
    assert all(finding.place.startswith("studies/") for finding in found.findings), found.findings


def test_a_renamed_study_is_found(study_bundle: Path, tmp_path: Path) -> None:
    """The folder of a study has the id of the study."""

    def renamed(folder: Path) -> None:
        (study,) = (folder / "studies").iterdir()
        study.rename(study.with_name("another"))

    found = check(rebuilt(study_bundle, tmp_path, renamed, sums=True), ranges())
    assert found.outcome == "differs"
    assert any("was renamed" in finding.what for finding in found.findings), found.findings
