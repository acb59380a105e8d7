"""Calibration profiles on disk: a JSON file for each device, HOST_DEVICE.json, so that hosts may
share a home directory. The names of the files are for people: a file belongs to the machine with
the identities in the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from energybench.analysis.measurement.profiles import BOARD, has_timing
from energybench.errors import BadInput, StorageFailed
from energybench.model import ChannelProfile, DeviceLimits, Host, Profile, same_identity
from energybench.store import strict, unknown_fields
from energybench.store.durable import replace_file
from energybench.store.run import pretty

SCHEMA = "energybench-profile/1"
Part = TypeVar("Part", Profile, ChannelProfile, DeviceLimits)


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """$ENERGYBENCH_PROFILES, else the user's data directory (XDG base directory specification)."""
    stated = environment.get("ENERGYBENCH_PROFILES")
    if stated:
        return Path(stated)
    base = Path(environment.get("HOME") or "/") / ".local" / "share"
    data = environment.get("XDG_DATA_HOME") or ""
    if os.path.isabs(data):  # the specification ignores relative paths
        base = Path(data)
    return base / "energybench" / "profiles"


def read(folder: Path) -> tuple[ChannelProfile, ...]:
    """The profiles of all channels; empty if the folder does not exist.

    Raises BadInput with the file and its key.
    """
    return tuple(channel for path in _files(folder) for channel in read_file(path).channels)


def read_sound(folder: Path) -> tuple[tuple[ChannelProfile, ...], tuple[BadInput, ...]]:
    """Profiles of all readable files, and the mistakes of broken files: the broken profile of
    another host must not cost a run here.
    """
    sound: list[ChannelProfile] = []
    broken = []
    paths: list[Path] = []
    try:
        paths = _files(folder)
    except BadInput as error:
        broken.append(error)
    if str(folder) == os.environ.get("ENERGYBENCH_PROFILES") and not (broken or folder.exists()):
        broken.append(
            BadInput(
                str(folder),
                "does not exist, and ENERGYBENCH_PROFILES names it",
                "correct or unset ENERGYBENCH_PROFILES; `energybench calibrate` makes the folder",
            )
        )
    for path in paths:
        try:
            sound += read_file(path).channels
        except BadInput as error:
            broken.append(error)
    return tuple(sound), tuple(broken)


def read_limits(folder: Path) -> tuple[DeviceLimits, ...]:
    """The limits of every device; broken files are passed over (`read_sound` returns mistakes)."""
    profiles = []
    try:
        paths = _files(folder)
    except BadInput:
        return ()
    for path in paths:
        try:
            profiles.append(read_file(path))
        except BadInput:
            continue
    return tuple(profile.limits for profile in profiles if profile.limits is not None)


def read_file(path: Path) -> Profile:
    """A single file. Raises BadInput."""
    profile = unknown_fields.convert(_load(path), Profile, str(path))
    limits = profile.limits
    if limits is not None and _key(limits) != _key(profile):
        raise BadInput(
            f"{path}: limits",
            f"are of {limits.device} on {limits.host}, the file of {profile.device} on "
            f"{profile.host}",
            "it was edited",
        )
    for i, channel in enumerate(profile.channels):
        if _key(channel) != _key(profile):
            raise BadInput(
                f"{path}: channels[{i}]",
                f"is of {channel.device} on {channel.host}, the file of {profile.device} on "
                f"{profile.host}",
                "it was edited",
            )
    return profile


def _key(part: Profile | ChannelProfile | DeviceLimits) -> tuple[str, str, tuple[str, ...]]:
    """Device and machine, equal in all parts of a file."""
    return part.device, part.host, part.host_ids


def _load(path: Path) -> Any:
    value: Any = strict.load(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise BadInput(
            f"{path}: schema",
            f"{schema!r} is not {SCHEMA!r}",
            "it is not a calibration profile, or another version wrote it: calibrate again",
        )
    return value


def save(profiles: Iterable[ChannelProfile], folder: Path) -> tuple[Path, ...]:
    """Write profiles into the files of their devices; a file's remaining channels stay unchanged. A
    new timing keeps an older gain, and a new gain an older timing.

    Returns the files written. Raises BadInput as `check_replaceable` does, and StorageFailed.
    """
    devices: dict[tuple[str, str, tuple[str, ...]], list[ChannelProfile]] = {}
    for profile in profiles:
        devices.setdefault(_key(profile), []).append(profile)
    written = []
    for new in devices.values():
        path, before = _before(folder, new[0])
        channels = {channel.channel: channel for channel in before.channels}
        for profile in new:
            channels[profile.channel] = merged(channels.get(profile.channel), profile)
        in_order = tuple(channels[name] for name in sorted(channels))
        _replace(path, pretty(msgspec.structs.replace(before, channels=in_order)))
        written.append(path)
    return tuple(written)


def save_limits(limits: DeviceLimits, folder: Path) -> Path:
    """Write a device's limits into its file, in place of older limits; its channels stay.

    Raises BadInput as `check_replaceable` does, and StorageFailed.
    """
    path, before = _before(folder, limits)
    _replace(path, pretty(msgspec.structs.replace(before, limits=limits)))
    return path


def check_replaceable(folder: Path, host: Host) -> None:
    """Raise BadInput if `save` could not replace a file of this host: the file is unreadable, or
    `save` would lose fields of a later version.
    """
    boards = [gpu.uuid for gpu in host.gpus]
    for path in _files(folder):
        value = _load(path)
        device = value.get("device")
        if device in boards or _is_of(value, str(device), host.name, host.identities):
            _read_to_replace(path)


def _before(folder: Path, new: ChannelProfile | DeviceLimits) -> tuple[Path, Profile]:
    """The file of a device, and its content so far, under the present name and identities of the
    machine. Raises BadInput if the file cannot be replaced.
    """
    path = _path(folder, new)
    if not path.exists():
        return path, Profile(device=new.device, host=new.host, host_ids=new.host_ids)
    before = _read_to_replace(path)
    limits = None if before.limits is None else _of_machine(before.limits, new)
    channels = tuple(_of_machine(channel, new) for channel in before.channels)
    before = _of_machine(before, new)
    return path, msgspec.structs.replace(before, channels=channels, limits=limits)


def _of_machine(part: Part, new: ChannelProfile | DeviceLimits) -> Part:
    """A part of a file under the present name and identities of its machine."""
    return msgspec.structs.replace(part, host=new.host, host_ids=new.host_ids)


def _path(folder: Path, new: ChannelProfile | DeviceLimits) -> Path:
    """The file of the device, or the name of a new file. An unreadable file with the name is
    returned too: reading it is refused, so that nothing overwrites the file.
    """
    contents = {path: _sound(path) for path in _files(folder)}
    for path, value in contents.items():
        if value is not None and _is_of(value, new.device, new.host, new.host_ids):
            return path
    name = f"{_safe(new.host)}_{_safe(new.device)}"
    numbers = range(2, len(contents) + 3)
    for path in (folder / f"{word}.json" for word in (name, *(f"{name}.{n}" for n in numbers))):
        value = contents.get(path)
        # a foreign file of this device comes from another machine with the same name
        if value is None or value.get("device") != new.device:
            return path
    raise AssertionError("more names than files")


def _sound(path: Path) -> Any:
    """The JSON value of a file; None for an unreadable file."""
    try:
        return _load(path)
    except BadInput:
        return None


def _is_of(value: Mapping[str, Any], device: str, host: str, host_ids: Sequence[str]) -> bool:
    """Whether a file, as JSON, belongs to a device of the machine with these identities. A GPU is
    the same board in any machine; the name counts only if nothing identifies either machine.
    """
    if value.get("device") != device:
        return False
    if device.startswith(BOARD):
        return True
    theirs = value.get("host_ids") or []
    if not theirs and not host_ids:
        return value.get("host") == host
    return isinstance(theirs, list) and same_identity(theirs, host_ids) is True


def _read_to_replace(path: Path) -> Profile:
    unknown_fields.refuse(
        _load(path),
        Profile,
        str(path),
        "calibrate with the version that wrote it, or move the file away",
    )
    return read_file(path)


def merged(old: ChannelProfile | None, new: ChannelProfile) -> ChannelProfile:
    """The new profile, completed by the old profile's timing or gain.

    Driver, clocks and date of the profile belong to the timing; the gain states its own.
    """
    if old is None:
        return new
    if has_timing(new):
        return new if new.gain is not None else msgspec.structs.replace(new, gain=old.gain)
    if has_timing(old):
        return msgspec.structs.replace(old, gain=new.gain or old.gain)
    return new if new.gain is not None else old


def _files(folder: Path) -> list[Path]:
    """The files of profiles; empty if the folder does not exist.

    Raises BadInput if the folder is unreadable: a home directory is missing on some nodes, and
    closed to some users.
    """
    remedy = "ENERGYBENCH_PROFILES=FOLDER names another folder"
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise BadInput(str(folder), "is not a folder", remedy) from None
    except OSError as error:
        raise BadInput(str(folder), f"cannot be read: {error.strerror}", remedy) from None
    return sorted(
        folder / name for name in names if name.endswith(".json") and not name.startswith(".")
    )


def _safe(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", name).strip(".") or "unnamed"


def _replace(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader, also after a crash, finds the old file or the new file.

    Raises StorageFailed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        raise StorageFailed(
            f"{path}: the profile cannot be written: {error.strerror or error} (an older profile "
            "stays; make space, or name a folder that can be written: --out FOLDER, or "
            "ENERGYBENCH_PROFILES=FOLDER for every command)"
        ) from None
