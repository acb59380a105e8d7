"""--redact: no name of a machine, person or place is left in any byte of a bundle, and the bundle
is verified all the same.
"""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.measuring.session import ranges
from energybench.model import Doubt, Gpu, Job
from energybench.proof.checking import check
from energybench.store import digests, reader, samples
from energybench.store.layout import PARQUET, RUN
from energybench.store.recomputed import recomputed
from energybench.store.run import encode, pretty
from tests.cli.process import in_process, one_line
from tests.proof.conftest import DATE, Results

HOST, DOMAIN = "gx4711", "gx4711.cluster.example.org"
USER, PROJECT = "zoraida", "secretproject"
UUID = "8f3d5a2e-1b4c-4d6e-9f70-a1b2c3d4e5f6"
SERIAL, PCI, MAC = "1652823055456", "00000000:3B:00.0", "9c:5c:8e:01:23:45"
OTHER_DOMAIN = "fabric.example.net"
DMI, BOOT, ADDRESS = "00c0ffee00c0ffee", "5ca1ab1e5ca1ab1e", "10.17.3.4"
CLUSTER, JOB, NODES = "bigiron", "4812345", "gx[4711-4712]"
PARTNER = "quuxcorp"
# Names that stand in one doubt alone, and there with escapes or without separators.
GUEST, DECOMPOSED = "hesperia", "Jo\u0308rmunda"
ODD = (
    f"see https://x.example/?at=%2Fhome%2F{GUEST}%2Fx and "
    rf'{{"at": "\/home\/J\u00f6rmunda\/x"}} and /home/{DECOMPOSED}/y, '
    f"board {UUID.replace('-', '')} at 3b:00.0, card 9c5c.8e01.2345, {HOST}.{OTHER_DOMAIN}, "
    f"CUDA_VISIBLE_DEVICES=GPU-{UUID[:8]}, MIG-{UUID[:13]}, {UUID[:18]} and gpu-{UUID[:11]}"
)
ORIGINALS = (
    *(HOST, DOMAIN, USER, PROJECT, UUID, SERIAL, PCI, "0000:3b:00.0", MAC, DMI, BOOT, ADDRESS),
    *(CLUSTER, JOB, NODES, "/scratch/", "my input.dat", PARTNER),
    *(UUID[:8], UUID[:11], UUID[:13], OTHER_DOMAIN),
    *(GUEST, "rmunda", UUID.replace("-", ""), "3b:00.0", "9c5c.8e01.2345"),
)


def named(text: str) -> str:
    """A text of a run with the names of this test in the place of the recording's."""
    return text.replace("gpu-node", DOMAIN).replace("cpu-node", DOMAIN)


def with_names(source: Path, store: Path, number: int) -> Path:
    """A copy of a run as a machine with names in every place would have written it."""
    label = f"milc on {HOST} for {PARTNER} on GPU-{UUID[:8]}"
    identity = f"2026-11-2{number}T10-00-00Z_milc_on_{HOST}_scratch_{USER}_0a0b0c0d"
    target = store / identity
    target.mkdir(parents=True)
    table, header, lines = reader.read_samples(source)
    old = reader.read_run(source)
    board = Gpu(uuid=f"GPU-{UUID}", name="Some board", serial=SERIAL, pci_bus_id=PCI)
    host = msgspec.structs.replace(
        old.host, name=DOMAIN, ids=(f"dmi:{DMI}", f"boot:{BOOT}"), gpus=(board, *old.host.gpus[1:])
    )
    first_board = old.host.gpus[0].uuid if old.host.gpus else "no board"
    command = (
        f"/scratch/{PROJECT}/{USER}/bin/solver",
        f"--input=/scratch/{PROJECT}/{USER}/my input.dat",
        f"/scratch/{PROJECT}/{USER}/my input.dat",
        f"--server={ADDRESS}",
        f"--mac={MAC}",
        f"--log=~{USER}/slurm-{JOB}.out",
    )
    job = Job(launcher="slurm", cluster=CLUSTER, id=JOB, nodes=1, node_names=NODES)
    note = f"{HOST}: see /home/{USER}/x/notes.txt of job {JOB}; {ODD}"
    changes: dict[str, Any] = {
        "id": identity,
        "label": label,
        "host": host,
        "command": command,
        "job": job,
        "doubts": (*header.doubts, Doubt(code="sensor-note", message=note, remedy=f"ask {USER}")),
    }

    def renamed(noun: Any, kind: Any) -> Any:
        text = named(encode(noun).decode()).replace(first_board.removeprefix("GPU-"), UUID)
        return msgspec.json.decode(text, type=kind)

    header = renamed(msgspec.structs.replace(header, **changes), type(header))
    blob = b"\n".join([encode(header), *map(encode, lines)])
    samples.write_parquet(target / PARQUET, table, blob)
    changes["host"], changes["doubts"] = header.host, header.doubts
    stated = renamed(msgspec.structs.replace(old, **changes), type(old))
    result = recomputed(target, stated, ranges())
    (target / RUN).write_text(pretty(result))
    return target


@pytest.fixture(scope="module")
def folder(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with names, their comparison, a page, a scenario and a publication."""
    folder = tmp_path_factory.mktemp("named")
    store = folder / "results"
    first, second = (with_names(run, store, i) for i, run in enumerate(results.runs, 1))
    before, after = reader.read_run(first), reader.read_run(second)
    comparison = digests.with_digests(compare(before, after), first, second)
    (folder / f"{HOST}.json").write_text(pretty(comparison))
    (folder / "pub.toml").write_text(
        f'schema = "energybench-publication/1"\nbaseline = "{HOST}, as bought"\n'
        f'why_baseline = "our users\' machine"\ncontact = "energy@example.net"\n'
    )
    (folder / "site.toml").write_text(
        f'schema = "energybench-site/1"\nname = "of {HOST}"\n# /home/{USER}/site/prices\n'
    )
    page = ("report", "results", f"{HOST}.json", "--format", "html", "--out", "page.html")
    more = ("--publication", "pub.toml", "--note", f"/home/{USER}/runs/of/{HOST}", "--date", DATE)
    assert in_process(*page, *more, cwd=folder).code == 0
    return folder


FILES = ("results", f"{HOST}.json", "--document", "page.html", "--scenario-file", "site.toml")
OPTIONS = ("--publication", "pub.toml", "--date", DATE)


def bundle(folder: Path, out: str, *more: str) -> Path:
    ran = in_process("bundle", *FILES, *OPTIONS, "--out", out, *more, cwd=folder)
    assert ran.code == 0, ran.err
    return folder / out


@pytest.fixture(scope="module")
def redacted(folder: Path) -> Path:
    return bundle(folder, "redacted.zip", "--redact", "--hide", PARTNER)


def everything(path: Path, scratch: Path) -> Iterator[tuple[str, str]]:
    """(member, content) of a bundle: names, bytes, and of samples every decoded column and all
    metadata.
    """
    with zipfile.ZipFile(path) as opened:
        for name in opened.namelist():
            content = opened.read(name)
            yield name, f"{name}\n{content.decode('latin-1')}"
            if name.endswith(".parquet"):
                file = scratch / "one.parquet"
                file.write_bytes(content)
                table = pq.read_table(file)
                metadata = dict(pq.read_metadata(file).metadata)
                yield name, f"{metadata}\n{table.schema}\n{table.to_pydict()}"


def test_no_original_is_left_in_any_byte(folder: Path, redacted: Path, tmp_path: Path) -> None:
    """In names of files, keys, texts, commands, ids, metadata, pages and publications."""
    plain = bundle(folder, "plain.zip")
    before = "".join(text for _, text in everything(plain, tmp_path)).lower()
    assert [original for original in ORIGINALS if original.lower() not in before] == []
    for name, text in everything(redacted, tmp_path):
        # pytest would compare the texts letter by letter to explain a failure
        left = [original for original in ORIGINALS if original.lower() in text.lower()]
        assert not left, name


def test_a_redacted_bundle_is_verified(redacted: Path) -> None:
    """The analysis finds the same numbers, and the page follows from its embedded document."""
    found = check(redacted, ranges())
    assert found.outcome == "verified", found.findings
    assert found.redacted
    assert any("comparison of" in words for words in found.checked)


def test_values_stay_and_shared_sensors_stay_shared(
    folder: Path, redacted: Path, tmp_path: Path
) -> None:
    """The same values, the same pairs of shared keys, and one machine is still one machine."""
    with zipfile.ZipFile(redacted) as opened:
        opened.extractall(tmp_path)
    old = json.loads((folder / f"{HOST}.json").read_text())
    (path,) = (tmp_path / "results").iterdir()
    new = json.loads(path.read_text())
    assert new["energy_ratio"]["value"] == pytest.approx(old["energy_ratio"]["value"], rel=1e-9)
    width = old["energy_ratio"]["high"] - old["energy_ratio"]["low"]
    for end in ("low", "high"):
        assert abs(new["energy_ratio"][end] - old["energy_ratio"][end]) < 0.02 * width
    assert [effect["u"] for effect in new["energy_ratio"]["effects"]] == pytest.approx(
        [effect["u"] for effect in old["energy_ratio"]["effects"]], rel=1e-9
    )
    runs = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("runs/*/run.json"))]
    assert runs[0]["host"]["name"] == runs[1]["host"]["name"] != DOMAIN
    assert runs[0]["host"]["ids"] == runs[1]["host"]["ids"]
    keys = [{e["key"] for e in run["energy_j"]["effects"] if e["key"]} for run in runs]
    assert len(keys[0]) == len({*keys[0]})
    uuid = next(gpu["uuid"] for run in runs for gpu in run["host"]["gpus"])
    assert Gpu(uuid=uuid, name="").is_unique


def test_the_salt_decides_the_pseudonyms(folder: Path, redacted: Path) -> None:
    """The same salt gives the same bytes; only the owner reads it, and it is not in the bundle."""
    salt = folder / "redacted.zip.salt"
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600
    again = bundle(
        folder, "again.zip", "--redact", "--hide", PARTNER, "--salt", "redacted.zip.salt"
    )
    assert again.read_bytes() == redacted.read_bytes()
    assert salt.read_text().strip() not in redacted.read_bytes().decode("latin-1")


def test_a_name_in_a_file_that_is_not_changed_is_refused(folder: Path) -> None:
    """A logo is copied as it stands; a name of a machine in it would be published."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><desc>x{HOST}y</desc></svg>'
    (folder / "logo.svg").write_text(svg)
    (folder / "logo.toml").write_text('schema = "energybench-publication/1"\nlogo = "logo.svg"\n')
    ran = in_process(
        *("bundle", f"{HOST}.json", "--publication", "logo.toml", "--redact", "--hide", HOST),
        *("--out", "logo.zip"),
        cwd=folder,
    )
    if ran.code == 0:
        with zipfile.ZipFile(folder / "logo.zip") as opened:
            assert HOST not in opened.read("publication/logo.svg").decode()
    else:
        assert HOST in one_line(ran)


def test_a_run_of_another_analysis_is_refused(folder: Path, tmp_path: Path) -> None:
    """Redaction makes results anew, and must not change a number unseen."""
    store = tmp_path / "results"
    source = next(iter(sorted((folder / "results").iterdir())))
    target = store / source.name
    target.mkdir(parents=True)
    (target / PARQUET).write_bytes((source / PARQUET).read_bytes())
    run = json.loads((source / RUN).read_text())
    run["time_s"]["low"] -= 1e-3
    (target / RUN).write_text(json.dumps(run))
    line = one_line(in_process("bundle", "results", "--redact", "--out", "x.zip", cwd=tmp_path))
    assert "time_s.low" in line
    assert not (tmp_path / "x.zip").exists()


def test_a_file_that_is_not_a_salt(folder: Path) -> None:
    (folder / "short.salt").write_text("abc")
    arguments = ("bundle", "results", "--redact", "--salt", "short.salt", "--out", "x.zip")
    assert "is not a salt" in one_line(in_process(*arguments, cwd=folder))
