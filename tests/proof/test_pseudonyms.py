"""Pseudonyms: every form of a name, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.model import Gpu, Host
from energybench.proof.learning import learn
from energybench.proof.pseudonyms import Pseudonyms, salt_of

UUID = "8f3d5a2e-1b4c-4d6e-9f70-a1b2c3d4e5f6"


@pytest.fixture
def names() -> Pseudonyms:
    names = Pseudonyms(b"salt" * 8)
    names.keep(["cpu.package", "gpu.board"])
    for kind, name in (("host", "gx4711"), ("host", "gpu"), ("cluster", "bigiron"), ("job", "71")):
        names.learn(kind, name)  # type: ignore[arg-type]
    return names


@pytest.mark.parametrize(
    "text",
    [
        "gx4711",
        "GX4711 is down",
        "milc_gx4711_x",
        "node-gx4711",
        "xgx4711y",
        f"GPU-{UUID}",
        UUID.upper(),
        "MIG-" + UUID,
        "0000:3b:00.0",
        "at 00000000:3B:00.0,",
        "9c:5c:8e:01:23:45",
        "9C-5C-8E-01-23-45",
        "10.17.3.4:8080",
        "/home/alice/x.py",
        "--in=/scratch/alice/x",
        "PATH=/opt/a/b:/opt/c/d",
        "file:///home/alice/x",
        "~alice/x",
        "~/x/y",
        "../alice/x",
        "bigiron-71-r0",
        "job 71 of",
        "jobid=71",
        "slurm-71.out",
        "(gpu)",
        UUID.replace("-", ""),
        "9c5c.8e01.2345",
        "fe80::1ff:fe23:4567:890a",
        "https://x.example/?at=%2Fhome%2Falice%2Fx",
        "%252Fhome%252Falice%252Fx",
        r'{"at": "\/home\/alice\/x"}',
        r"/home/\u0061lice/x",
        r"/scratch/alice/my\ input",
    ],
)
def test_a_name_is_replaced(names: Pseudonyms, text: str) -> None:
    """By a pseudonym that stays the same, and holds nothing of the name."""
    new = names.text(text)
    assert new != text
    assert new == names.text(text)
    secrets = ("gx4711", "alice", "8f3d5a2e", "3b:00.0", "9c", "10.17", "fe80", "bigiron", "opt")
    for part in secrets:
        if part in text.lower():
            assert part not in re.sub(r"-[0-9a-f]{10}", "", new.lower()), new
    assert "-71" not in new
    assert " 71" not in new
    assert "=71" not in new


@pytest.mark.parametrize(
    "text",
    [
        "cpu.package and gpu.board",
        "1 of 71 nodes, 71 J, 0.71",
        "2026-11-29T10:30:00Z",
        "2026-11-71",
        "https://example.org/a/b",
        "kg/kWh and tokens/s",
        "and/or",
        "/usr/bin/python3",
        "/sys/class/powercap/intel-rapl:0/energy_uj",
        "driver 550.54.15, numpy 1.26.4",
        "10:15:02.3 on 26-11-29",
        "a ratio of 4.6 (3/4)",
        "100%2F and 50%20, a\\u0062c",
        "std::vector, 1234.5678.9012",
    ],
)
def test_other_text_stays(names: Pseudonyms, text: str) -> None:
    """Words of energybench, numbers, dates, units, addresses of the web, files of the system."""
    assert names.text(text) == text


def test_forms_stay_forms(names: Pseudonyms) -> None:
    """The UUID of a board is still one, so that the analysis still takes it for unique; one address
    of a device has one pseudonym in both writings.
    """
    assert Gpu(uuid=names.text(f"GPU-{UUID}"), name="").is_unique
    short, long = names.text("0000:3b:00.0"), names.text("00000000:3B:00.0")
    assert re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", short)
    assert long == f"0000{short}"
    assert re.fullmatch(r"02(:[0-9a-f]{2}){5}", names.text("9c:5c:8e:01:23:45"))


def test_one_name_has_one_pseudonym_in_every_writing(names: Pseudonyms) -> None:
    """Also with escapes, in another case, with composed or separate accents, and without the
    separators of a UUID or an address of a network card.
    """
    names.learn("user", "Zoë Müller")
    names.learn_from("9c:5c:8e:01:23:45")
    names.learn_board("0000:3b:00.0")
    for writings in (
        ("zoë müller", "ZOË MÜLLER", "zoe\u0308 mu\u0308ller", "Zo%C3%AB%20M%C3%BCller"),
        ("/home/alice/x", "%2Fhome%2Falice%2Fx", r"\/home\/alice\/x", "%252Fhome/alice/x"),
        (r"/home/alice/my\ x", "/home/alice/my%20x"),
    ):
        assert len({names.text(writing) for writing in writings}) == 1
    for pairs in (
        (UUID, UUID.replace("-", "").upper()),
        ("9c:5c:8e:01:23:45", "9C5C8E012345"),
        ("9c-5c-8e-01-23-45", "9c5c.8e01.2345"),
    ):
        assert len({re.sub("[:.-]", "", names.text(one)) for one in pairs}) == 1
    assert names.text("0000:3b:00.0").endswith(f":{names.text('3b:00.0')}")


@pytest.mark.parametrize("prefix", ["", "GPU-", "MIG-", "gpu-"])
@pytest.mark.parametrize("length", [8, 11, 13, 16, 18, 23, 28])
def test_a_beginning_of_a_known_uuid_is_the_beginning_of_its_pseudonym(
    names: Pseudonyms, prefix: str, length: int
) -> None:
    """From the first block on, as CUDA_VISIBLE_DEVICES accepts it; a word behind it stays."""
    names.learn_from(f"board GPU-{UUID}")
    whole = names.text(UUID)
    assert names.text(f"on {prefix}{UUID[:length]},") == f"on {prefix}{whole[:length]},"
    assert names.text(f"{prefix}{UUID[:8]}-fast") == f"{prefix}{whole[:8]}-fast"
    assert names.text(f"{prefix}{UUID[:8]}-dead") == f"{prefix}{whole[:8]}-dead"


def test_a_beginning_of_another_uuid_stays(names: Pseudonyms) -> None:
    """Eight digits alone may be anything: only beginnings of known identities are replaced."""
    names.learn_from(UUID)
    text = "at 1234abcd and 8f3d5a and 8f3d5a2eb"
    assert names.text(text) == text


@pytest.mark.parametrize("recorded", ["nid004711", "nid004711.hpc.example.org"])
def test_a_host_has_one_pseudonym_with_any_domain(names: Pseudonyms, recorded: str) -> None:
    """Short, full, and with a domain that no record states; a file of the host keeps its end."""
    names.learn_host(recorded)
    short = names.text("nid004711")
    for writing in ("nid004711.hpc.example.org", "NID004711.local", "nid004711.fabric.example.net"):
        assert names.text(f"on {writing}.") == f"on {short}."
    assert names.text("nid004711.json") == f"{short}.json"
    assert names.text("nid004711.run.json") == f"{short}.run.json"


@pytest.mark.parametrize("writing", ["3b:00.0", "0000:3b:00.0", "00000000:3B:00.0"])
def test_an_address_without_a_domain_is_learnt(names: Pseudonyms, writing: str) -> None:
    """A board whose record has the address alone is replaced in every writing of the address."""
    learn(Host(name="n1", gpus=(Gpu(uuid="x", name="", pci_bus_id="3b:00.0"),)), names)
    assert "3b:00" not in names.text(writing).lower()
    assert names.text(writing).endswith(names.text("3b:00.0"))


def test_a_long_word_costs_no_time(names: Pseudonyms) -> None:
    """A picture in base64 with an escape behind it: every character is looked at a few times."""
    word = "A" * 300_000
    assert names.text(f"{word} %2Fhome%2Falice%2Fx").startswith(f"{word} path-")


def test_another_salt_gives_other_pseudonyms(names: Pseudonyms) -> None:
    other = Pseudonyms(b"other" * 8)
    other.learn("host", "gx4711")
    assert other.text("gx4711") != names.text("gx4711")


def test_a_device_below_a_folder_of_the_system(names: Pseudonyms) -> None:
    """The folder stays, and the address in it does not."""
    new = names.text("/sys/bus/pci/devices/0000:3b:00.0/power")
    assert new.startswith("/sys/bus/pci/devices/")
    assert "3b:00.0" not in new


def test_users_are_learnt_from_paths(names: Pseudonyms) -> None:
    names.learn_from("/home/alice/runs/x.py")
    assert "alice" not in names.text("runs of alice")
    names.learn_from("/scratch/projects/quux/data/y")
    assert "quux" not in names.text("quux_S")


@pytest.mark.parametrize("time", ["2026-11-29T10-00-00.125Z", "2026-11-29T10-00-00Z"])
def test_a_run_keeps_its_time(names: Pseudonyms, time: str) -> None:
    """And says no longer what it was called; an attached meter still shows in the id."""
    run = f"{time}_secret_thing_0a0b0c0d"
    for name in (run, f"{run}_attached"):
        names.learn("run", name)
    new = names.text(run)
    assert re.fullmatch(re.escape(time) + r"_run_[0-9a-f]{10}", new)
    assert names.text(f"{run}_attached") == f"{new}_attached"


def test_names_that_remain_are_found(names: Pseudonyms) -> None:
    names.text("gx4711 gpu")
    assert names.remaining("logo of GX4711") == "gx4711"
    assert names.remaining("gpu.board") is None


def test_a_salt_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "salt"
    assert salt_of(path) == salt_of(path)
    path.write_text("no salt")
    with pytest.raises(BadInput, match="is not a salt"):
        salt_of(path)
    with pytest.raises(BadInput, match="too short"):
        Pseudonyms(b"x", ["a"])
