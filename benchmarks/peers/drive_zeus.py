"""zeus: ZeusMonitor.begin_window … end_window; counters at both edges. Boards without a counter:
its power monitor.

variant "power50": PowerMonitor(update_period=0.05).get_energy, the shortest period that zeus does
not warn of, in place of the one it infers.
"""

from __future__ import annotations

import time

from driving import Energies, Request, Work, drive
from zeus.monitor import PowerMonitor, ZeusMonitor


def main() -> None:
    request = Request()
    if request.variant == "power50":
        powers(request)
    else:
        windows(request)


def powers(request: Request) -> None:
    monitor = PowerMonitor(update_period=0.05)
    time.sleep(1.0)

    def measure(work: Work) -> Energies:
        start = time.time()
        work()
        end = time.time()
        time.sleep(0.2)  # its samples come through a queue
        return {str(i): joules for i, joules in (monitor.get_energy(start, end) or {}).items()}

    drive(request, measure, "zeus")
    monitor.stop()


def windows(request: Request) -> None:
    monitor = ZeusMonitor() if request.gpu else ZeusMonitor(gpu_indices=[])
    if not request.gpu:
        monitor.begin_window("first")  # starts a process a counter that watches for wraps
        monitor.end_window("first")
        time.sleep(4.0)

    def measure(work: Work) -> Energies:
        monitor.begin_window("work", sync_execution=False)
        work()
        result = monitor.end_window("work", sync_execution=False)
        return {
            str(i): joules
            for i, joules in (result.gpu_energy if request.gpu else result.cpu_energy or {}).items()
        }

    drive(request, measure, "zeus")


if __name__ == "__main__":
    main()
