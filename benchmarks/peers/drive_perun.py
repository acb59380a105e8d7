"""perun: its decorator at 0.1 s, the shortest sampling period that it takes; the windows are the
rounds of one call.
"""

from __future__ import annotations

import time

from driving import Energies, Request, Work, wait_until, window, write
from perun import perun, register_callback


def main() -> None:
    request = Request()
    warm, work = Work(0.15), Work(request.seconds)
    rounds: list[Energies] = []
    options = {
        "sampling_period": 0.1,
        "include_backends": "nvml" if request.gpu else "powercap_rapl",
        "data_out": str(request.folder / "perun"),
        "format": "pickle",
    }

    def keep(node: object) -> None:
        rounds[:] = [energies(one) for _, one in sorted(node.nodes.items())]  # type: ignore[attr-defined]

    def call(this: Work, number: int) -> float:
        """Seconds from the call to the work's beginning."""

        @perun(rounds=number, **options)
        def windows() -> None:
            register_callback(keep)
            this()

        called = time.monotonic()
        windows()
        return this.times[0][0] - called

    call(warm, 1)
    lead_s = call(warm := Work(0.15), 1)
    wait_until(request.starts_s()[0] - lead_s)
    call(work, request.windows)
    nodes = [
        window(begin, (begin, end), end, joules)
        for (begin, end), joules in zip(work.times, rounds, strict=True)
    ]
    write(request, "perun", nodes)


def energies(node: object) -> Energies:
    """By board (CUDA:3_POWER) or package (CPU_0_package-0), of all sensors below a round."""
    joules: Energies = {}
    metrics = {kind.value: metric for kind, metric in node.metrics.items()}  # type: ignore[attr-defined]
    if not node.nodes:  # type: ignore[attr-defined]
        name = str(node.id)  # type: ignore[attr-defined]
        if "energy" in metrics:
            key = (
                name.split(":")[1].split("_")[0]
                if name.startswith("CUDA")
                else name.rpartition("-")[2]
            )
            joules[key] = float(metrics["energy"].value)
    for below in node.nodes.values():  # type: ignore[attr-defined]
        joules |= energies(below)
    return joules


if __name__ == "__main__":
    main()
