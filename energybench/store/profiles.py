"""Calibration profiles on disk: one JSON file per device, HOST_DEVICE.json, so that hosts may share
a home directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from energybench.errors import BadInput
from energybench.model import ChannelProfile, DeviceLimits, Profile
from energybench.store import strict, unknown_fields
from energybench.store.run import pretty

SCHEMA = "energybench-profile/1"


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

    Raises BadInput that names the file and its key.
    """
    return tuple(channel for path in _files(folder) for channel in read_file(path).channels)


def read_sound(folder: Path) -> tuple[tuple[ChannelProfile, ...], tuple[BadInput, ...]]:
    """Profiles of all readable files, and the mistakes of the broken files: the broken profile of
    another host must not cost a run here.
    """
    sound: list[ChannelProfile] = []
    broken = []
    if folder.exists() and not folder.is_dir():
        broken.append(
            BadInput(str(folder), "is not a folder", "ENERGYBENCH_PROFILES=FOLDER, or unset it")
        )
    for path in _files(folder):
        try:
            sound += read_file(path).channels
        except BadInput as error:
            broken.append(error)
    return tuple(sound), tuple(broken)


def read_limits(folder: Path) -> tuple[DeviceLimits, ...]:
    """The limits of every device; broken files are passed over (`read_sound` returns mistakes)."""
    profiles = []
    for path in _files(folder):
        try:
            profiles.append(read_file(path))
        except BadInput:
            continue
    return tuple(profile.limits for profile in profiles if profile.limits is not None)


def read_file(path: Path) -> Profile:
    """One file. Raises BadInput."""
    profile = unknown_fields.convert(_load(path), Profile, str(path))
    limits = profile.limits
    if limits is not None and (limits.device, limits.host) != (profile.device, profile.host):
        raise BadInput(
            f"{path}: limits",
            f"are of {limits.device} on {limits.host}, the file of {profile.device} on "
            f"{profile.host}",
            "it was edited",
        )
    for i, channel in enumerate(profile.channels):
        if channel.device != profile.device or channel.host != profile.host:
            raise BadInput(
                f"{path}: channels[{i}]",
                f"is of {channel.device} on {channel.host}, the file of {profile.device} on "
                f"{profile.host}",
                "it was edited",
            )
    return profile


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
    """Write profiles into the files of their devices; a file's remaining channels stay unchanged.
    A new timing keeps an older gain, and a new gain an older timing.

    Returns the files written. Raises BadInput as `check_replaceable` does.
    """
    devices: dict[tuple[str, str], list[ChannelProfile]] = {}
    for profile in profiles:
        devices.setdefault((profile.host, profile.device), []).append(profile)
    written = []
    for (host, device), new in devices.items():
        path, before = _before(folder, host, device)
        channels = {channel.channel: channel for channel in before.channels}
        for profile in new:
            channels[profile.channel] = merged(channels.get(profile.channel), profile)
        in_order = tuple(channels[name] for name in sorted(channels))
        _replace(path, pretty(msgspec.structs.replace(before, channels=in_order)))
        written.append(path)
    return tuple(written)


def save_limits(limits: DeviceLimits, folder: Path) -> Path:
    """Write a device's limits into its file, in place of older limits; its channels stay.

    Raises BadInput as `check_replaceable` does.
    """
    path, before = _before(folder, limits.host, limits.device)
    _replace(path, pretty(msgspec.structs.replace(before, limits=limits)))
    return path


def check_replaceable(folder: Path, host: str) -> None:
    """Raise BadInput if `save` could not replace a file of this host: the file cannot be read, or
    `save` would lose fields of a later version.
    """
    for path in _files(folder):
        if _load(path).get("host") == host:
            _read_to_replace(path)


def _before(folder: Path, host: str, device: str) -> tuple[Path, Profile]:
    """A device's file, and its content so far. Raises BadInput."""
    path = folder / f"{_safe(host)}_{_safe(device)}.json"
    return path, _read_to_replace(path) if path.exists() else Profile(device=device, host=host)


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

    Driver and clocks stay those of the timing.
    """
    if old is None:
        return new
    if has_timing(new):
        return new if new.gain is not None else msgspec.structs.replace(new, gain=old.gain)
    if has_timing(old):
        return msgspec.structs.replace(old, gain=new.gain or old.gain)
    return new if new.gain is not None else old


def has_timing(profile: ChannelProfile) -> bool:
    """Whether a load was driven for the profile (even without result), or a timing is stated."""
    return bool(profile.load) or any(
        figure is not None for figure in (profile.update_period_s, profile.window_s, profile.lag_s)
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def _safe(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", name).strip(".") or "unnamed"


def _replace(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader sees the old file or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
