"""Identities of the machine: two runs with the same identity used the same sensors.

A host name is not an identity: a container has its own name, new in every job of a CI service, and
two machines may have the same name. Identities are digests, so that a shared result does not reveal
the machine id, which is confidential (machine-id(5)).
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from energybench.collectors.sysfs import container, hostname, text

VARIABLE = "ENERGYBENCH_HOST_ID"

_MOST_STATED = 100  # characters
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
# UUIDs that makers of boards left in place of a real UUID: all digits alike, and the default of
# AMI's firmware in both byte orders.
_PLACEHOLDERS = ("03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009")
# Paths of control groups made by container engines.
_CGROUP = re.compile(r"docker|kubepods|containerd|libpod|crio-|lxc|buildkit|garden")
# Root file systems from an image: of a container, of a live system, or of a cluster of nodes
# without disks. Many machines share the machine id in the image.
_IMAGES = ("overlay", "aufs", "squashfs", "tmpfs", "ramfs", "rootfs", "nfs", "nfs4", "9p")


def host_ids(root: Path, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Identities of the machine with files under `root`, the best first.

    stated   $ENERGYBENCH_HOST_ID
    dmi      UUID in the firmware (/sys/class/dmi/id/product_uuid), readable only by root
    machine  /etc/machine-id, if the file belongs to the machine and not to an image
    boot     boot of the kernel: the same in all containers of the machine, until a restart
    name     host name, without a better identity and outside a container
    """
    ids = [
        (kind, value)
        for kind, value in (
            ("stated", _stated(environment)),
            ("dmi", _firmware(root)),
            ("machine", _machine(root)),
            ("boot", _digest(text(root / "proc/sys/kernel/random/boot_id"), _UUID)),
        )
        if value
    ]
    if not ids:
        # In a container the name belongs to the container: an identity unique to this process keeps
        # the errors of its sensors apart from the errors of other runs.
        ids = [("process", _of_this_process()) if in_image(root) else ("name", hostname(root))]
    return tuple(f"{kind}:{value}" for kind, value in ids)


def host_identity(root: Path) -> str:
    """The best identity, for the keys of the machine's sensors."""
    return host_ids(root)[0]


def in_image(root: Path) -> bool:
    """Whether the files under `root` come from an image that other machines may share."""
    if container(root) is not None or (root / "run/systemd/container").exists():
        return True
    groups = (text(root / "proc/1/cgroup"), text(root / "proc/self/cgroup"))
    if any(_CGROUP.search(group) for group in groups if group):
        return True
    return _root_file_system(text(root / "proc/self/mountinfo") or "") in _IMAGES


def _root_file_system(mounts: str) -> str | None:
    """Type of the file system at /, the last of several (proc_pid_mountinfo(5))."""
    kind = None
    for line in mounts.splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split()
        if len(fields) > 4 and fields[4] == "/" and source:
            kind = source.split()[0]
    return kind


def _stated(environment: Mapping[str, str]) -> str:
    return " ".join(environment.get(VARIABLE, "").split())[:_MOST_STATED]


def _firmware(root: Path) -> str | None:
    number = (text(root / "sys/class/dmi/id/product_uuid") or "").lower()
    if number in _PLACEHOLDERS or len(set(number.replace("-", ""))) < 2:
        return None
    return _digest(number, _UUID)


def _machine(root: Path) -> str | None:
    return None if in_image(root) else _digest(text(root / "etc/machine-id"), _MACHINE_ID)


def _digest(number: str | None, form: re.Pattern[str]) -> str | None:
    """A digest of the number; None if the number has another form."""
    number = (number or "").strip().lower()
    if not form.fullmatch(number):
        return None
    return hashlib.blake2b(number.encode(), digest_size=8, person=b"energybench").hexdigest()


@functools.cache
def _of_this_process() -> str:
    return uuid.uuid4().hex[:16]
