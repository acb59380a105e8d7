"""`python -m energybench`, and the entry of the `energybench` command.

The imports of the command line take some tenths of a second. Ctrl-C and a lack of memory during the
imports are a single line, as they are later.
"""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED, _OWN_FAILURE = 130, 125  # as in cli/main.py
# Address space for the imports and a thread, bytes: with less, numpy's library for linear algebra
# may crash instead of raising an error.
_LEAST_ADDRESS_SPACE = 500_000_000


def start() -> int:
    """Run the command line; the exit code."""
    own_handler = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if own_handler:
            signal.signal(signal.SIGINT, _end_at_once)
        if (megabytes := _too_small_mb()) is not None:
            return _end(f"an address space of {megabytes:.0f} MB is too small (ulimit -v)")
        from energybench.cli.main import main

        if own_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return main()
    except KeyboardInterrupt:
        return _end("interrupted", _INTERRUPTED)
    except MemoryError:
        return _end("there is not enough memory to load the command line")
    finally:
        if own_handler:
            # from here on Ctrl-C ends the process without a traceback
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end_at_once(*_: object) -> None:
    """Ctrl-C during the imports, before any work has begun. A library during its import would
    swallow an exception, or turn the exception into another error.
    """
    try:
        os.write(2, b"energybench: interrupted\n")
    finally:
        os._exit(_INTERRUPTED)


def _too_small_mb() -> float | None:
    """The limit of the address space, MB, if too small; None: enough."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    too_small = limit != resource.RLIM_INFINITY and limit < _LEAST_ADDRESS_SPACE
    return limit / 1e6 if too_small else None


def _end(reason: str, code: int = _OWN_FAILURE) -> int:
    sys.stderr.write(f"energybench: {reason}\n")
    return code


if __name__ == "__main__":
    sys.exit(start())
