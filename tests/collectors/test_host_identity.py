"""Identities of a machine: the same in every container of the machine, and different on two."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energybench.collectors.host_identity import host_identity, host_ids, in_image
from energybench.collectors.rapl import Rapl
from energybench.measuring.host import describe
from energybench.model import Gpu, Host, same_identity
from tests.simulators import SystemClock, context, powercap_tree

BOOT, OTHER_BOOT = "0d5f6a1c-9a43-4a37-8b6f-0f1f4f6d2a11", "5b1e8c77-1f55-4b1e-9d0e-3c4a7a9b8d22"
MACHINE, FIRMWARE = "3d1219c7c4c5404aaa1f6d2a48adfda4", "4C4C4544-0042-3510-8054-B4C04F564433"


@pytest.fixture(autouse=True)
def no_container_around_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SHIFTER_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("ENERGYBENCH_HOST_ID", raising=False)


def tree(root: Path, **files: str) -> Path:
    """Files of a machine; the names of the keyword arguments stand for their paths."""
    paths = {
        "boot": "proc/sys/kernel/random/boot_id",
        "hostname": "proc/sys/kernel/hostname",
        "machine": "etc/machine-id",
        "firmware": "sys/class/dmi/id/product_uuid",
        "mounts": "proc/self/mountinfo",
        "cgroup": "proc/self/cgroup",
        "init_cgroup": "proc/1/cgroup",
        "dockerenv": ".dockerenv",
        "containerenv": "run/.containerenv",
        "systemd": "run/systemd/container",
    }
    for name, content in files.items():
        path = root / paths[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def kinds(ids: tuple[str, ...]) -> list[str]:
    return [name.partition(":")[0] for name in ids]


def test_order_of_identities(tmp_path: Path) -> None:
    """A stated identity is the best, then the firmware, the machine id and the boot."""
    root = tree(tmp_path, boot=BOOT, hostname="n1", machine=MACHINE, firmware=FIRMWARE)
    ids = host_ids(root, {"ENERGYBENCH_HOST_ID": " rack 3 \n node 7"})
    assert kinds(ids) == ["stated", "dmi", "machine", "boot"]
    assert ids[0] == "stated:rack 3 node 7"
    assert host_ids(root, {}) == ids[1:]


def test_no_number_of_the_machine_is_told(tmp_path: Path) -> None:
    """The machine id is confidential: only digests leave the machine."""
    root = tree(tmp_path, boot=BOOT, machine=MACHINE, firmware=FIRMWARE)
    for name in host_ids(root, {}):
        assert re.fullmatch(r"(dmi|machine|boot):[0-9a-f]{16}", name)
        assert not any(number[:8].lower() in name for number in (BOOT, MACHINE, FIRMWARE))


@pytest.mark.parametrize(
    "signs",
    [
        {"dockerenv": ""},
        {"containerenv": ""},
        {"systemd": "systemd-nspawn"},
        {"cgroup": "0::/system.slice/docker-4d1f.scope"},
        {"init_cgroup": "12:cpu:/kubepods/besteffort/pod1/4d1f"},
        {"cgroup": "0::/machine.slice/libpod-4d1f.scope/container"},
        {"mounts": "617 544 0:62 / / rw,relatime - overlay overlay rw,lowerdir=/a"},
        {"mounts": "29 1 0:25 / / rw shared:1 - nfs4 10.0.0.1:/images/node rw"},
        {"mounts": "1 1 0:1 / / rw - rootfs rootfs rw\n29 1 0:25 / / rw - tmpfs tmpfs rw"},
    ],
)
def test_the_machine_id_of_an_image_is_no_identity(tmp_path: Path, signs: dict[str, str]) -> None:
    """Every container of an image, and every diskless node, shows the image's machine id."""
    root = tree(tmp_path, boot=BOOT, machine=MACHINE, hostname="4d1f", **signs)
    assert in_image(root)
    assert kinds(host_ids(root, {})) == ["boot"]


@pytest.mark.parametrize(
    "mounts",
    [
        "29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
        "1 1 0:1 / / rw - rootfs rootfs rw\n29 1 8:1 / / rw,relatime - xfs /dev/nvme0n1p2 rw",
        "29 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 29 0:30 / /tmp rw - tmpfs tmpfs rw",
        "odd",
        "",
    ],
)
def test_the_machine_id_on_a_disk_is_an_identity(tmp_path: Path, mounts: str) -> None:
    root = tree(
        tmp_path, boot=BOOT, machine=MACHINE, mounts=mounts, cgroup="0::/user.slice/user-1000"
    )
    assert kinds(host_ids(root, {})) == ["machine", "boot"]


@pytest.mark.parametrize(
    "number",
    [
        "03000200-0400-0500-0006-000700080009",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "Not Settable",
        "",
    ],
)
def test_a_placeholder_of_the_firmware_is_no_identity(tmp_path: Path, number: str) -> None:
    """Boards of one maker share the placeholder."""
    assert kinds(host_ids(tree(tmp_path, boot=BOOT, firmware=number), {})) == ["boot"]


def test_the_host_name_is_the_last_resort_and_never_that_of_a_container(tmp_path: Path) -> None:
    assert host_ids(tree(tmp_path / "node", hostname="n1"), {}) == ("name:n1",)
    inside = host_ids(tree(tmp_path / "job", hostname="4d1f", dockerenv=""), {})
    assert kinds(inside) == ["process"]
    assert "4d1f" not in inside[0]


def test_one_machine_by_two_lists_of_identities() -> None:
    assert same_identity(("dmi:a", "boot:b"), ("boot:b",)) is True
    assert same_identity(("dmi:a", "boot:b"), ("dmi:a", "boot:c")) is True
    # clones of a disk share the machine id, and not the firmware
    assert same_identity(("dmi:a", "machine:m"), ("dmi:b", "machine:m")) is False
    assert same_identity(("stated:x", "boot:b"), ("stated:y", "boot:b")) is False
    assert same_identity(("stated:x", "boot:b"), ("boot:b",)) is True
    # two boots are one machine or two
    assert same_identity(("boot:b",), ("boot:c",)) is None
    assert same_identity((), ("boot:c",)) is None


def test_a_common_board_is_one_machine() -> None:
    """Other boards say nothing, and neither does a board that is named by its place in a node."""
    uuid, other = (f"GPU-{digit * 8}-0000-0000-0000-000000000000" for digit in "12")
    boards = [Gpu(uuid=uuid, name="A100"), Gpu(uuid=other, name="A100")]
    here = Host(name="job-1", ids=("boot:b",), gpus=tuple(boards))
    assert here.identities == (f"gpu:{uuid}", f"gpu:{other}", "boot:b")
    assert here.same_machine(Host(name="job-2", ids=("boot:c",), gpus=(boards[1],)))
    assert not here.same_machine(Host(name="job-1", ids=("boot:c",)))
    halves = [Host(name="job", ids=("boot:b",), gpus=(board,)) for board in boards]
    assert halves[0].same_machine(halves[1])
    by_place = Gpu(uuid="0000:65:00.0", name="MI250X")
    nodes = [Host(name="n", ids=(f"machine:{m}",), gpus=(by_place,)) for m in "ab"]
    assert not nodes[0].same_machine(nodes[1])


def test_machines_of_older_runs_are_compared_by_name() -> None:
    new = Host(name="n1", ids=("boot:b",))
    assert Host(name="n1").same_machine(new)
    assert not Host(name="n2").same_machine(new)
    assert Host(name="another", ids=("boot:b",)).same_machine(new)
    assert (Host(name="n1").identity, new.identity) == ("n1", "boot:b")


def test_key_of_a_gain_follows_the_machine_and_not_the_container(tmp_path: Path) -> None:
    """The same sensors in two containers have one key; the same names on two machines have two."""
    keys = []
    for name, boot in (("4d1f", BOOT), ("77aa", BOOT), ("4d1f", OTHER_BOOT)):
        root = tree(
            tmp_path / f"{name}-{boot}",
            boot=boot,
            hostname=name,
            machine=MACHINE,
            cgroup="0::/docker/4d1f",
        )
        powercap_tree(root, {"intel-rapl:0": ("package-0", 1)})
        (channel,) = Rapl().open(context(root))
        keys.append(channel.gain.key)
        # the host's record holds the identity of the key
        assert channel.gain.key.endswith("@" + describe(SystemClock(), root).identity)
        assert describe(SystemClock(), root).identity == host_identity(root)
    assert keys[0] == keys[1] != keys[2]
