"""Calibration profiles on disk: one JSON file a device, HOST_DEVICE.json, so that hosts may share a
home directory.
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
from energybench.store.run import pretty
from energybench.store.strict import convert, load

SCHEMA = "energybench-profile/1"


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """$ENERGYBENCH_PROFILES, else the user's data directory (XDG base directory specification)."""
    given = environment.get("ENERGYBENCH_PROFILES")
    if given:
        return Path(given)
    data = environment.get("XDG_DATA_HOME") or ""
    base = (
        Path(data)
        if os.path.isabs(data)
        else Path(environment.get("HOME") or "/") / ".local" / "share"
    )  # the specification ignores relative ones
    return base / "energybench" / "profiles"


def read(folder: Path) -> tuple[ChannelProfile, ...]:
    """Every channel's profile; none where there is no such folder.

    Raises BadInput that names the file and its key.
    """
    return tuple(channel for path in _files(folder) for channel in read_file(path).channels)


def read_sound(folder: Path) -> tuple[tuple[ChannelProfile, ...], tuple[BadInput, ...]]:
    """What can be read, and what is wrong with the other files: another host's broken profile must
    not cost this one's run.
    """
    sound: list[ChannelProfile] = []
    broken = []
    for path in _files(folder):
        try:
            sound += read_file(path).channels
        except BadInput as error:
            broken.append(error)
    return tuple(sound), tuple(broken)


def read_limits(folder: Path) -> tuple[DeviceLimits, ...]:
    """Every device's limits; a file that cannot be read is passed over (`read_sound` says what is
    wrong with it).
    """
    found = []
    for path in _files(folder):
        try:
            found.append(read_file(path).limits)
        except BadInput:
            continue
    return tuple(limits for limits in found if limits is not None)


def read_file(path: Path) -> Profile:
    """One file. Raises BadInput."""
    value: Any = load(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise BadInput(
            f"{path}: schema",
            f"{schema!r} is not {SCHEMA!r}",
            "it is no calibration profile, or another version wrote it: calibrate again",
        )
    profile = convert(value, Profile, str(path))
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


def save(profiles: Iterable[ChannelProfile], folder: Path) -> tuple[Path, ...]:
    """Write profiles into their devices' files and keep what those hold besides; a new timing keeps
    an older gain and vice versa.

    The files written. Raises BadInput where a file that is there cannot be read: it is not
    overwritten.
    """
    devices: dict[tuple[str, str], list[ChannelProfile]] = {}
    for profile in profiles:
        devices.setdefault((profile.host, profile.device), []).append(profile)
    written = []
    for (host, device), new in devices.items():
        path, before = _held(folder, host, device)
        held = {channel.channel: channel for channel in before.channels}
        for profile in new:
            held[profile.channel] = merged(held.get(profile.channel), profile)
        _replace(
            path,
            pretty(
                msgspec.structs.replace(before, channels=tuple(held[name] for name in sorted(held)))
            ),
        )
        written.append(path)
    return tuple(written)


def save_limits(limits: DeviceLimits, folder: Path) -> Path:
    """Write a device's limits into its file, in place of older ones, and keep its channels.

    Raises BadInput as `save` does.
    """
    path, before = _held(folder, limits.host, limits.device)
    _replace(path, pretty(msgspec.structs.replace(before, limits=limits)))
    return path


def _held(folder: Path, host: str, device: str) -> tuple[Path, Profile]:
    """A device's file, and what it holds so far."""
    path = folder / f"{_safe(host)}_{_safe(device)}.json"
    return path, read_file(path) if path.exists() else Profile(device=device, host=host)


def merged(old: ChannelProfile | None, new: ChannelProfile) -> ChannelProfile:
    """The new profile, with what it says nothing about taken from the old one.

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
    """Whether a load was driven for it (which may have told nothing), or it states a timing."""
    return bool(profile.load) or any(
        figure is not None for figure in (profile.update_period_s, profile.window_s, profile.lag_s)
    )


def _files(folder: Path) -> list[Path]:
    return (
        sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
        if folder.is_dir()
        else []
    )


def _safe(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", name).strip(".") or "unnamed"


def _replace(path: Path, text: str) -> None:
    """A reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
