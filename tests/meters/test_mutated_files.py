"""Files of every layout with random damage: read with sound readings, or refused in one line."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest

from energybench.errors import BadInput
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice
from energybench.meters.stretch import Around
from tests.meters.logger_files import KNOWN, T0

PIECES = (
    *(b"0", b"-1", b"65535", b"1e999999", b"NaN", b"9" * 400, b"1.2.3", b'"', b";", b",", b"\t"),
    *(b"\n", b"\r", b"\x00", b"\xff\xfe", b"{", b"}", b"[", b":::MLLOG ", b"#", b"sep=;", b"Time,"),
    *(b"0001-01-01T00:00:00", b"9999-12-31T23:59:59Z", b"2026-02-30 10:00:00", b"25:61:61"),
    *(
        b"1772359200",
        b"\xe2\x80\xa8",
        b"\xd9\xa1",
        b"kWh",
        b"[N/A]",
        b"null",
        b"1,234",
        b"\xc2\xb2",
    ),
    *(b"# gpu pwr", b"#Date Time gpu pwr", b"Instantaneous power reading: ", b"+99:99", b"CET"),
)
CHOICES = (
    Choice(),
    Choice(timezone="Asia/Tokyo", unit="W"),
    Choice(timezone="UTC", column="2", time_format="%Y"),
    Choice(timezone="UTC", time_columns=("1", "2"), select=(("index", "0"),)),
)


def damaged(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(content) + 1)
        end = min(len(content), at + chance.choice([0, 1, 4, 30]))
        kind = chance.randrange(4)
        if kind == 0:
            content = content[:at] + chance.choice(PIECES) + content[end:]
        elif kind == 1:
            content = content[:at] + content[end:]
        elif kind == 2:
            lines = content.split(b"\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            content = b"\n".join(lines)
        else:
            content = content[:at] or b" "
    return content


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    """No other exception, no warning, no second line, and no reading that is not one."""
    chance, file = random.Random(seed), tmp_path / "m.log"
    outcomes = set()
    for name in chance.sample(sorted(KNOWN), 30):
        content, choice = KNOWN[name]
        whole = content.encode() if isinstance(content, str) else content
        file.write_bytes(damaged(whole, chance))
        choice = chance.choice((choice, choice, *CHOICES))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                meter = read(file, choice, Around(T0 - 60, T0 + 60, 15_000.0))
        except BadInput as error:
            outcomes.add("refused" if "\n" not in str(error) else "several lines")
        else:
            assert meter.t_s.size >= 2
            assert (np.diff(meter.t_s) > 0).all()
            assert (meter.raw >= 0).all()
            outcomes.add("read")
    assert outcomes == {"read", "refused"}
