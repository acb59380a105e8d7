"""Making a bundle: files, tables and manifest into one ZIP file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

from energybench import __version__
from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput, StorageFailed
from energybench.proof import absent, archive, contents, manifest, redacting, tables
from energybench.proof.manifest import Manifest
from energybench.proof.pseudonyms import Pseudonyms
from energybench.store.durable import check_replaceable, flush_to_disk

_FIRST_YEAR, _LAST_YEAR = 1980, 2107  # of dates in ZIP files (APPNOTE.TXT 4.4.6)


class Made(NamedTuple):
    """A bundle that was written.

    names   number of the names that were replaced by pseudonyms; 0 without them
    absent  runs and scenarios that the bundle lacks, by the names of the files that rest on them
    """

    files: int
    bytes: int
    sha256: str
    names: int = 0
    absent: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def make(
    wanted: contents.Wanted,
    store: Path,
    out: Path,
    created_utc: str,
    reports: Sequence[str],
    ranges: Ranges,
    pseudonyms: Pseudonyms | None = None,
) -> Made:
    """Write a bundle; the file appears as a whole or not at all.

    store        folder in which ids of runs are looked up
    created_utc  date of the bundle in ISO 8601
    reports      names of the reports that write tables
    ranges       stated power ranges of parts without a sensor; pseudonyms need an analysis
    pseudonyms   replaces the names of machines, people and places; None: they stay

    Raises BadInput, and StorageFailed if the file cannot be written.
    """
    check_replaceable(out, f"--out {out}")
    moment = _moment(created_utc)
    files = contents.gather(wanted, store)
    if not files:
        raise BadInput("bundle", "nothing to put into it", "name runs or comparisons")
    lacking = absent.absent_of(files)
    with TemporaryDirectory(prefix="energybench-bundle-") as name:
        if pseudonyms is not None:
            files = redacting.redacted(files, Path(name), pseudonyms, ranges)
        members: dict[str, Path | bytes] = dict(files)
        members.update(tables.of_files(files, reports, created_utc, __version__))
        stated: Manifest = manifest.of_today(created_utc, redacted=pseudonyms is not None)
        members = manifest.with_manifest(members, stated)
        if pseudonyms is not None:
            redacting.refuse_originals(members, pseudonyms)
        _write(out, members, moment)
    return Made(
        files=len(members),
        bytes=out.stat().st_size,
        sha256=manifest.sha256(out),
        names=len(pseudonyms.used) if pseudonyms is not None else 0,
        absent=lacking,
    )


def _write(out: Path, members: archive.Contents, moment: datetime) -> None:
    """Write the ZIP file beside its place, flush it to the disk, and rename it into its place."""
    draft = out.with_name(f".{out.name[:80]}.{os.getpid()}.new")
    try:
        archive.write(draft, members, moment)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(out)
        flush_to_disk(out.parent)
    except OSError as error:
        raise StorageFailed(f"--out {out}: cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _moment(created_utc: str) -> datetime:
    """The date of the members. Raises BadInput for a date that ZIP files cannot state."""
    moment = datetime.fromisoformat(created_utc)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise BadInput(
            f"the date {created_utc}",
            "cannot stand in a ZIP file",
            f"a date from {_FIRST_YEAR} to {_LAST_YEAR}",
        )
    # ZIP files know even seconds
    return moment.replace(second=moment.second // 2 * 2, microsecond=0)
