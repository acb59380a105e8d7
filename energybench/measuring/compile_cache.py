"""The folder of compiled code for the worker, closed to other writers."""

from __future__ import annotations

import getpass
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path


def compile_cache(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable that moves torch's cache of compiled code, if the default is not safe.

    The default is /tmp/torchinductor_USER (torch, _inductor/runtime/cache_dir_utils.py). The code
    in the cache is run, and on a machine with several users a foreign user may have made the
    folder.
    """
    if environment.get("TORCHINDUCTOR_CACHE_DIR"):
        return {}
    try:
        user = re.sub(r'[\\/:*?"<>|]', "_", getpass.getuser())
    except (KeyError, OSError):
        return {}
    default = Path(tempfile.gettempdir(), f"torchinductor_{user}")
    try:
        default.mkdir(mode=0o700)
    except OSError:
        pass  # exists, or torch will give the reason
    try:
        state = default.lstat()
    except OSError:
        return {}
    ours = stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()
    if ours and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return {}
    home = Path(environment.get("HOME") or "/") / ".cache"
    own = Path(environment.get("XDG_CACHE_HOME") or home) / "energybench" / "torchinductor"
    return {"TORCHINDUCTOR_CACHE_DIR": str(own)}
