"""codecarbon: OfflineEmissionsTracker.start_task … stop_task.

A task's GPU (CPU) energy is one sum; what each board (package) had in it is read beside, and must
add up to it.
"""

from __future__ import annotations

import itertools

from codecarbon import OfflineEmissionsTracker
from driving import Energies, Request, Work, drive

_J_PER_KWH = 3.6e6


def main() -> None:
    request = Request()
    tracker = OfflineEmissionsTracker(
        country_iso_code="DEU",
        measure_power_secs=1,
        tracking_mode="machine",
        save_to_file=False,
        log_level="error",
    )
    number = itertools.count()

    def measure(work: Work) -> Energies:
        name = f"work {next(number)}"
        tracker.start_task(name)
        work()
        emissions = tracker.stop_task(name)
        kind = "GPU" if request.gpu else "CPU"
        hardware = next(one for one in tracker._hardware if type(one).__name__ == kind)
        if request.gpu:
            deltas = {
                str(device.gpu_index): device.energy_delta.kWh
                for device in hardware.devices.devices
            }
            total = emissions.gpu_energy
        else:
            deltas = {
                one.path.split("intel-rapl:")[-1].split("/")[0]: one.energy_delta.kWh
                for one in hardware._intel_interface._rapl_files
            }
            total = emissions.cpu_energy
        if abs(sum(deltas.values()) - total) > 1e-6 * total + 1e-12:
            raise SystemExit(
                f"codecarbon: its {kind} parts are {sum(deltas.values())} kWh, its task {total} kWh"
            )
        return {key: kwh * _J_PER_KWH for key, kwh in deltas.items()}

    drive(request, measure, "codecarbon")


if __name__ == "__main__":
    main()
