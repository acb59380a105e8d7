"""energybench: energy-to-solution of the same work on two nodes, with its uncertainty, projected to
MWh, money and carbon.

    with energybench.measure("solve") as block:
        solve()
    print(block.energy_j)

docs/python.md describes the Python interface. Importing this package imports nothing else: the
names below are loaded when they are first used.

PYTEST_DONT_REWRITE: pytest need not rewrite assertions here.
"""

TYPE_CHECKING = False  # typing's own would be an import
if TYPE_CHECKING:
    from typing import Any

    from energybench.api.blocks import Block, measure
    from energybench.api.decorated import measured
    from energybench.api.frames import load
    from energybench.api.notebook import load_ipython_extension
    from energybench.api.repeated import repeats

__all__ = ["Block", "load", "load_ipython_extension", "measure", "measured", "repeats"]
__version__ = "0.1.0"

_PLACES = {
    "Block": "energybench.api.blocks",
    "load": "energybench.api.frames",
    "load_ipython_extension": "energybench.api.notebook",
    "measure": "energybench.api.blocks",
    "measured": "energybench.api.decorated",
    "repeats": "energybench.api.repeated",
}


def __getattr__(name: str) -> "Any":
    if name not in _PLACES:
        raise AttributeError(f"module 'energybench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
