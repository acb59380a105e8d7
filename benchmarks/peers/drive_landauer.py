"""landauer-gap (its package is called joules): a phase of a Session at its default of 100 ms."""

from __future__ import annotations

import joules
from driving import Energies, Request, Work, drive


def main() -> None:
    request = Request()
    with joules.Session(cpu=not request.gpu) as session:
        kinds = {device["name"]: device["kind"] for device in session.devices}

        def measure(work: Work) -> Energies:
            with session.phase("work") as phase:
                work()
            # "GPU 3 NVIDIA A100…", "CPU package 0"
            return {
                name.split()[1 if kinds[name] == "gpu" else 2]: energy_j
                for name, energy_j in (phase.devices or {}).items()
            }

        drive(request, measure, "landauer-gap")


if __name__ == "__main__":
    main()
