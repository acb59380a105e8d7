"""The measurements kept with the project: the reader reads the files, and the numbers agree with
the texts beside the files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energybench.store import profiles, reader

FOLDER = Path(__file__).parents[2] / "reports/reference"
RUN = FOLDER / "milc-32-h200"


def test_the_run_is_read_and_says_what_is_written_of_it() -> None:
    joules = reader.read_run(RUN).energy_per_work_j
    assert joules is not None
    assert (
        f"{joules.value:.0f} J [{joules.low:.0f}, {joules.high:.0f}] a solve"
        in (FOLDER / "README.md").read_text()
    )


def test_the_boards_counter_and_its_power_tell_one_story() -> None:
    """The rise of a real board's counter over the samples, and the integral of the instantaneous
    power, agree within 2 %, the error of a sampled power.
    """
    traces = {
        trace.channel.quantity: trace
        for trace in reader.read_traces(RUN)[0]
        if trace.channel.component == "gpu.board"
    }
    energy, power = traces["energy"], traces["power_instant"]
    counted_j = (
        float(energy.raw[energy.ok][-1] - energy.raw[energy.ok][0]) * energy.channel.resolution
    )
    watts = power.raw * power.channel.resolution
    assert counted_j == pytest.approx(
        float(np.trapezoid(watts[power.ok], power.t_s[power.ok])), rel=0.02
    )


@pytest.mark.parametrize("name", ["h200-sensors.json", "milc-32-h200-sensors.json"])
def test_a_real_boards_profile_is_read(name: str) -> None:
    """An H200's counter is written every 100 ms and integrates; its instantaneous power sees 36 to
    41 % of the time.
    """
    profile = profiles.read_file(FOLDER / name)
    channels = {
        channel.channel.rsplit("/", 1)[-1]: channel
        for channel in profile.channels
        if "gpu.board" in channel.channel
    }
    assert channels["energy"].update_period_s == pytest.approx(0.1, rel=0.01)
    instant = channels["power_instant"]
    assert instant.window_s is not None
    assert instant.update_period_s is not None
    assert 0.3 < instant.window_s / instant.update_period_s < 0.5
