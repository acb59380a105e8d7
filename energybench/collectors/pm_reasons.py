"""Why meters of `/sys/cray/pm_counters` cannot be read, and what helps."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from energybench.collectors import absence
from energybench.collectors.sysfs import text
from energybench.model import Doubt, DoubtCode
from energybench.plugins import Unavailable

PM_COUNTERS = "sys/cray/pm_counters"
ACCELERATORS = "accel"  # all accelerators together; reads 0 on a node without accelerators


def no_files(root: Path) -> Unavailable:
    """The reason why there are no files of meters, by what the folder shows."""
    folder = root / PM_COUNTERS
    names, error = absence.entries(folder)
    if absence.denied(error):
        return Unavailable(
            f"{folder} cannot be listed: permission denied",
            f"ask the site for read access to /{PM_COUNTERS}; many sites allow it to everybody",
        )
    if error is None:
        what = "is empty" if not names else "holds no file of energy or power"
        return Unavailable(f"{folder} {what}", absence.unmask(root, PM_COUNTERS))
    if os.path.lexists(folder):
        return Unavailable(f"{folder} leads nowhere", absence.unmask(root, PM_COUNTERS))
    return Unavailable(
        f"no {folder}", "nothing to do: only HPE Cray blades (XC, EX) have these meters"
    )


def fault(file: Path, error: OSError | None) -> str:
    if error is None and text(file):
        return "it holds no line such as '100 J 1734094386462336 us'"
    return absence.file_fault(file, error)


def unreadable(root: Path, faults: Mapping[str, str]) -> Unavailable:
    why = "; ".join(dict.fromkeys(faults.values()))
    return Unavailable(f"{root / PM_COUNTERS} cannot be read: {why}", remedy(root, why))


def remedy(root: Path, why: str) -> str:
    if why in (os.strerror(errno.EACCES), os.strerror(errno.EPERM)):
        return f"ask the site for read access to /{PM_COUNTERS}; many sites allow it to everybody"
    if absence.container(root):
        return absence.unmask(root, PM_COUNTERS)
    return "ask the site: the blade controller does not feed this meter"


def doubt(root: Path, name: str, why: str) -> Doubt:
    """The doubt about a file that exists and cannot be used."""
    code: DoubtCode = "gpu-unreadable" if name.startswith(ACCELERATORS) else "meter-unreadable"
    return Doubt(
        code=code,
        message=f"the meter pm_counters/{name} of this blade exists and cannot be read: {why}",
        remedy=remedy(root, why),
        subject=name,
    )
