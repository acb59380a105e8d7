"""The nvml collector in a process of its own: nvml_session.py '{"reads": 3, "every_s": 0.1,
"visible": "0", "root": "/"}' prints one JSON document.

channels       model.Channel with its id
samples        [read][channel]: null or a Reading, [raw, t_s, …]
gpus, doubts   of the collector
unavailable    {reason, remedy} or null
cpu_s, wall_s  CPU time and elapsed time of the reads
imported       whether pynvml was imported before and after `open`
"""

import json
import sys
import time
from pathlib import Path

import msgspec

from energybench.collectors.nvml import Nvml
from energybench.data import priors
from energybench.plugins import Context, Unavailable


class Clock:
    """CLOCK_MONOTONIC."""

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)


def main() -> None:
    request = json.loads(sys.argv[1])
    clock, nvml = Clock(), Nvml()
    context = Context(
        clock=clock,
        priors=priors(),
        root=Path(request.get("root", "/")),
        visible_devices=request.get("visible"),
        device_order=request.get("order"),
    )
    answer = {"channels": [], "samples": [], "unavailable": None}
    before_import = "pynvml" in sys.modules
    try:
        channels = nvml.open(context)
        answer["channels"] = [
            msgspec.to_builtins(channel) | {"id": channel.id} for channel in channels
        ]
    except Unavailable as error:
        answer["unavailable"] = {"reason": error.reason, "remedy": error.remedy}
    start_s, start_cpu_s = clock.now(), time.process_time()
    if answer["channels"]:
        for i in range(request.get("reads", 1)):
            time.sleep(max(0.0, start_s + i * request.get("every_s", 0.0) - clock.now()))
            answer["samples"].append(nvml.read())
    answer |= {"wall_s": clock.now() - start_s, "cpu_s": time.process_time() - start_cpu_s}
    answer |= {
        "gpus": msgspec.to_builtins(nvml.gpus()),
        "doubts": [msgspec.to_builtins(doubt) for doubt in nvml.doubts()],
        "imported": [before_import, "pynvml" in sys.modules],
    }
    nvml.close()
    nvml.close()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
