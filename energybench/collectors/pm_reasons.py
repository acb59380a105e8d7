"""Why meters of `/sys/cray/pm_counters` cannot be read, and what helps."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from energybench.collectors import absence
from energybench.collectors.sysfs import text
from energybench.model import Doubt, DoubtCode
from energybench.plugins import Unavailable
from energybench.units import counted

PM_COUNTERS = "sys/cray/pm_counters"
_MOST_NAMES = 8  # files in a doubt
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


def unknown_parts(folder: Path, names: Collection[str]) -> list[Doubt]:
    """A doubt about energies of parts that this collector does not know: they are not read, and so
    not counted twice.

    names  files that the collector knows
    """
    files, _ = absence.entries(folder)
    unknown = [name for name in files if name.endswith("_energy") and name not in names]
    if not unknown:
        return []
    # a part of a kind that belongs to the boundary is missing; other parts are in the node alone
    code: DoubtCode = "meter-unreadable"
    if any(re.match(r"gpu|accel|gcd|apu", name) for name in unknown):
        code = "gpu-unreadable"
    shown = ", ".join(unknown[:_MOST_NAMES]) + (", …" if len(unknown) > _MOST_NAMES else "")
    return [
        Doubt(
            code=code,
            message=f"{counted(len(unknown), 'file')} of pm_counters of this blade, of parts that "
            f"energybench does not know, are not read: {shown}",
            remedy="--boundary node-dc counts the whole node with these parts; please report the "
            "names of the files",
            subject=", ".join(unknown[:_MOST_NAMES]),
        )
    ]


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
