"""wattameter: its Tracker at 100 ms, from start to stop; both of them read.

Its results are the readings. A counter's energy is the difference of the last and the first; where
boards have no counter, the power readings are summed as trapezoids; of RAPL its own powers between
two readings (RAPLReader.compute_derived, which allows for wraps) times the time.
"""

from __future__ import annotations

import sys
from itertools import pairwise

from driving import Energies, Request, Work, drive

# zeus installs amdsmi, whose import fails with a KeyError on a machine without ROCm; wattameter
# expects an ImportError there, as in an environment of its own.
sys.modules["amdsmi"] = None  # type: ignore[assignment]

from wattameter import Tracker
from wattameter.readers import Energy, NVMLReader, Power, RAPLReader

_S_PER_NS = 1e-9


def main() -> None:
    request = Request()
    quantity = Power if request.power_only else Energy
    reader = NVMLReader((quantity,)) if request.gpu else RAPLReader()

    def measure(work: Work) -> Energies:
        tracker = Tracker(reader, dt_read=0.1)
        tracker.start(freq_write=0)
        work()
        tracker.stop(freq_write=0)
        times_ns, _, readings = tracker.flush_data()
        times_s = [t * _S_PER_NS for t in times_ns]
        spans_s = [later - earlier for earlier, later in pairwise(times_s)]
        if not request.gpu:
            watts = reader.compute_derived(times_s, readings)
            sums_j = [
                sum(w * s for w, s in zip(powers, spans_s, strict=True))
                for powers in zip(*watts, strict=True)
            ]
            # "cpu-3[uJ]"
            keys = [tag.partition("[")[0].rpartition("-")[2] for tag in reader.tags]
            return dict(zip(keys, sums_j, strict=True))
        if request.power_only:
            sums_j = [
                sum((a + b) / 2e3 * s for (a, b), s in zip(pairwise(mw), spans_s, strict=True))
                for mw in zip(*readings, strict=True)
            ]
        else:
            sums_j = [
                (last - first) / 1e3 for first, last in zip(readings[0], readings[-1], strict=True)
            ]
        return {str(i): joules for i, joules in enumerate(sums_j)}

    drive(request, measure, "wattameter")


if __name__ == "__main__":
    main()
