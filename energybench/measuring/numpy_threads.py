"""numpy without the threads of its linear algebra.

OpenBLAS starts a thread for every core when numpy is imported, and idle threads go on spinning for
some ten milliseconds (OpenBLAS, THREAD_TIMEOUT in Makefile.rule). The measuring process multiplies
no matrices; the threads would take CPU time at the start, some of it beside the measured work.
"""

from __future__ import annotations

import os

_VARIABLE = "OPENBLAS_NUM_THREADS"


def import_numpy() -> None:
    """Import numpy with a single thread, unless the person has stated a number of threads. The
    measured work gets the environment as it was.
    """
    if _VARIABLE in os.environ:
        return
    os.environ[_VARIABLE] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[_VARIABLE]
