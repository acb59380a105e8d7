"""Profiles on disk: one file per device, merged by channel, and refused with the wrong key."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from energybench.errors import BadInput, StorageFailed
from energybench.model import ChannelProfile, DeviceLimits, MeterError, SiteGain
from energybench.store import profiles

TIMING = ChannelProfile(
    channel="nvml/GPU-1/gpu.board/energy",
    device="GPU-1",
    host="node1",
    host_ids=("machine:m1", "boot:b1"),
    driver="550",
    update_period_s=0.1,
    window_s=0.0,
    load="kernel",
    made_utc="2026-01-01T00:00:00Z",
)
GAIN = SiteGain(
    value=0.97,
    u_rel=0.01,
    reference="meter",
    meter=MeterError(name="m", key="gain:meter:m", u_rel=0.008, distribution="rectangular"),
    driver="560",
    made_utc="2026-02-01T00:00:00Z",
)
ONLY_GAIN = ChannelProfile(
    channel=TIMING.channel,
    device="GPU-1",
    host="node1",
    host_ids=TIMING.host_ids,
    driver="560",
    gain=GAIN,
    made_utc="2026-02-01T00:00:00Z",
)
LIMITS = DeviceLimits(
    device="GPU-1",
    name="board",
    host="node1",
    host_ids=TIMING.host_ids,
    limits=(),
    made_utc="2026-02-01T00:00:00Z",
)
SAVED: dict[str, Callable[[Path], object]] = {
    "profiles": lambda folder: profiles.save([ONLY_GAIN], folder),
    "limits": lambda folder: profiles.save_limits(LIMITS, folder),
}


def test_where_they_lie() -> None:
    """$ENERGYBENCH_PROFILES, else $XDG_DATA_HOME where that is absolute, else ~/.local/share."""
    assert profiles.folder({"ENERGYBENCH_PROFILES": "here", "XDG_DATA_HOME": "/x"}) == Path("here")
    assert profiles.folder({"XDG_DATA_HOME": "/x", "HOME": "/h"}) == Path("/x/energybench/profiles")
    assert profiles.folder({"XDG_DATA_HOME": "x", "HOME": "/h"}) == Path(
        "/h/.local/share/energybench/profiles"
    )
    assert profiles.folder({"HOME": "/h"}) == Path("/h/.local/share/energybench/profiles")


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    """One file a device and host, so that nodes share a home; no folder is no profiles."""
    assert profiles.read(tmp_path / "none") == ()
    socket = replace(TIMING, channel="rapl/package-0/cpu.package/energy", device="package-0")
    other = replace(socket, host="node2", host_ids=("machine:m2",))
    written = profiles.save([TIMING, socket, other], tmp_path / "new")
    assert sorted(path.name for path in written) == [
        "node1_GPU-1.json",
        "node1_package-0.json",
        "node2_package-0.json",
    ]
    assert set(profiles.read(tmp_path / "new")) == {TIMING, socket, other}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
        path.name for path in written
    )


def test_a_machine_has_one_file_under_whatever_name(tmp_path: Path) -> None:
    """The same node under the host name of a container continues its file, with the gain of before;
    another node of the same host name has a file of its own. A board has one file in any node.
    """
    socket = replace(TIMING, channel="rapl/package-0/cpu.package/energy", device="package-0")
    profiles.save([replace(socket, gain=GAIN)], tmp_path)
    renamed = replace(socket, host="job-4d1f", host_ids=("boot:b1",), window_s=0.02)
    (path,) = profiles.save([renamed], tmp_path)
    assert path.name == "node1_package-0.json"
    assert profiles.read(tmp_path) == (replace(renamed, gain=GAIN),)

    namesake = replace(socket, host_ids=("machine:m2", "boot:b2"))
    (path,) = profiles.save([namesake], tmp_path)
    assert path.name == "node1_package-0.2.json"
    assert set(profiles.read(tmp_path)) == {replace(renamed, gain=GAIN), namesake}
    assert profiles.save([namesake], tmp_path) == (path,)

    profiles.save([replace(TIMING, gain=GAIN)], tmp_path)
    moved = replace(TIMING, host="node7", host_ids=("machine:m7",))
    (path,) = profiles.save([moved], tmp_path)
    assert path.name == "node1_GPU-1.json"
    assert profiles.read_file(path).channels == (replace(moved, gain=GAIN),)


def test_a_new_timing_keeps_the_gain_and_a_new_gain_the_timing(tmp_path: Path) -> None:
    """In either order; driver and date stay those of the timing, the gain keeps its own."""
    profiles.save([TIMING], tmp_path)
    profiles.save([ONLY_GAIN], tmp_path)
    assert profiles.read(tmp_path) == (replace(TIMING, gain=GAIN),)
    later = replace(TIMING, driver="570", window_s=0.02, made_utc="2026-03-01T00:00:00Z")
    profiles.save([later], tmp_path)
    assert profiles.read(tmp_path) == (replace(later, gain=GAIN),)
    better = replace(GAIN, u_rel=0.005)
    profiles.save([replace(ONLY_GAIN, gain=better)], tmp_path)
    assert profiles.read(tmp_path) == (replace(later, gain=better),)


def test_other_channels_of_the_file_are_kept(tmp_path: Path) -> None:
    power = replace(TIMING, channel="nvml/GPU-1/gpu.board/power_instant")
    profiles.save([TIMING], tmp_path)
    profiles.save([power], tmp_path)
    assert set(profiles.read(tmp_path)) == {TIMING, power}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda text: text[:60], "is not JSON"),
        (lambda text: "", "is empty"),
        (lambda text: text.replace("energybench-profile/1", "energybench-profile/9"), "schema"),
        (lambda text: "[]", "schema"),
        (lambda text: text.replace('"window_s": 0.0', '"window_s": -1.0'), "channels[0].window_s"),
        (
            lambda text: text.replace('"window_s": 0.0', '"window_s": "much"'),
            "channels[0].window_s",
        ),
        (lambda text: text.replace('"window_s": 0.0', '"window_s": NaN'), "NaN"),
        (lambda text: text.replace('"device": "GPU-1"', '"device": "GPU-2"', 1), "channels[0]"),
    ],
)
def test_a_broken_file_is_named_with_its_key(tmp_path: Path, change, where: str) -> None:  # type: ignore[no-untyped-def]
    """Read: BadInput. Read by a run: the sound profiles, and the mistakes of the broken files.
    Saved to: not overwritten.
    """
    (path,) = profiles.save([TIMING], tmp_path)
    socket = replace(TIMING, device="package-0", host="node2", host_ids=("machine:m2",))
    profiles.save([socket], tmp_path)
    path.write_text(change(path.read_text()))
    broken = path.read_text()
    with pytest.raises(BadInput) as error:
        profiles.read(tmp_path)
    assert str(path) in str(error.value)
    assert where in str(error.value)
    sound, wrong = profiles.read_sound(tmp_path)
    assert [profile.host for profile in sound] == ["node2"]
    assert len(wrong) == 1
    with pytest.raises(BadInput):
        profiles.save([TIMING], tmp_path)
    assert path.read_text() == broken


def test_a_folder_that_cannot_be_read_is_named_and_costs_the_profiles_alone(tmp_path: Path) -> None:
    """As the home directory of another user; a name that is too long fails for every user."""
    unreadable = tmp_path / ("x" * 300)
    sound, (error,) = profiles.read_sound(unreadable)
    assert sound == ()
    assert error.where == str(unreadable)
    assert error.what.startswith("cannot be read: ")
    assert profiles.read_limits(unreadable) == ()
    with pytest.raises(BadInput, match="cannot be read"):
        profiles.read(unreadable)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_stated_folder_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A slip in $ENERGYBENCH_PROFILES does not silently turn every calibration off."""
    stated = tmp_path / "profiles"
    if kind == "file":
        stated.write_text("")
    monkeypatch.setenv("ENERGYBENCH_PROFILES", str(stated))
    assert profiles.folder() == stated
    _, (error,) = profiles.read_sound(stated)
    assert error.where == str(stated)
    assert "ENERGYBENCH_PROFILES" in error.remedy


def test_the_default_folder_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most machines were never calibrated."""
    monkeypatch.delenv("ENERGYBENCH_PROFILES", raising=False)
    assert profiles.read_sound(tmp_path / "missing") == ((), ())


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    (path,) = profiles.save([TIMING], tmp_path)
    assert json.loads(path.read_text())["schema"] == "energybench-profile/1"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("what", SAVED)
def test_a_folder_without_space_is_named_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, older: bool, what: str
) -> None:
    """The error of a flush names no file; the file of before stays, and no draft is left."""
    if older:
        profiles.save([TIMING], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed) as failure:
        SAVED[what](tmp_path)
    assert str(tmp_path / "node1_GPU-1.json") in str(failure.value)
    assert os.strerror(number) in str(failure.value)
    assert "--out FOLDER" in str(failure.value)
    assert "ENERGYBENCH_PROFILES" in str(failure.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("folder", ["file/profiles", "n" * 300])
def test_a_folder_that_cannot_be_made_is_named_with_a_remedy(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageFailed, BadInput), match="ENERGYBENCH_PROFILES=FOLDER"):
        profiles.save([TIMING], tmp_path / folder)
