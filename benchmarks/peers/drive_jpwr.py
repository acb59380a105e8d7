"""jpwr: the get_power context at its default of 100 ms; its energies are in Wh."""

from __future__ import annotations

from driving import Energies, Request, Work, drive
from jpwr.ctxmgr import get_power
from jpwr.gpu.pynvml import power


def measure(work: Work) -> Energies:
    with get_power([power()], 100, {"ignore_measure_errors": False}) as scope:
        work()
    energies, _ = scope.energy()
    return {name.split(":")[1]: float(wh) * 3600 for name, wh in energies.items()}


if __name__ == "__main__":
    drive(Request(), measure, "jpwr")
