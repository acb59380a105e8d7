"""Curves that are made when they are asked for, and dropped again."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.sensors import curves as under_test
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.sensors.curves import Curves
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Trace
from tests.analysis.truth import channel

T_S = np.arange(60_000) * 0.083
LARGER_THAN_KEPT = 12  # channels whose curves are more than stay in memory


def trace(number: int, kind: str) -> Trace:
    watts = 200 + 100 * np.sin(T_S / 17 + number)
    power = kind == "power"
    raw = watts * 1e3 if power else np.cumsum(watts) * 0.083 * 1e3
    return Trace(
        channel=channel(
            device=f"GPU-{number}",
            kind=kind,
            quantity=kind,
            resolution=1e-3,
            update_period_s=0.083,
            window_s=0.025 if power else 0.0,
        ),
        t_s=T_S,
        raw=raw.astype(np.int64),
        ok=np.ones(T_S.size, dtype=np.bool_),
    )


def test_a_dropped_curve_comes_back_equal() -> None:
    """In any order, with the check of a counter; an unknown channel and one without readings have
    no curve.
    """
    numbers = range(LARGER_THAN_KEPT)
    traces = [trace(number, kind) for number in numbers for kind in ("counter", "power")]
    nothing = Trace(
        channel=channel(device="silent"),
        t_s=np.empty(0),
        raw=np.empty(0, dtype=np.int64),
        ok=np.empty(0, dtype=np.bool_),
    )
    ids = [each.channel.id for each in traces]
    checks = dict(zip(ids[::2], ids[1::2], strict=True))
    kept = Curves([*traces, nothing], checks)
    expected = {}
    for name, each in zip(ids, traces, strict=True):
        power = curve(traces[ids.index(checks[name])]) if name in checks else None
        made = curve(each)
        assert made is not None
        expected[name] = informed(made, power)
    for name in [*ids, *reversed(ids), *ids[::3]]:
        shown = kept.get(name)
        assert shown is not None
        for value, other in zip(shown, expected[name], strict=True):
            np.testing.assert_array_equal(value, other)
        findings = kept.findings(name)
        assert findings is not None
        assert findings.period_s == expected[name].period_s
        assert findings.t_s.size == 0
    assert kept.get("unknown") is None
    assert kept.findings("unknown") is None
    assert kept.get(nothing.channel.id) is None
    total = sum(each.t_s.nbytes + each.energy_j.nbytes for each in expected.values())
    assert total > under_test._MOST_BYTES  # or nothing was dropped


@pytest.mark.parametrize("ask", ["get", "findings"])
def test_findings_need_no_earlier_question(ask: str) -> None:
    """`findings` makes the curve if nobody has asked for it."""
    traces = [trace(0, "counter")]
    kept = Curves(traces, {})
    getattr(kept, ask)(traces[0].channel.id)
    findings = kept.findings(traces[0].channel.id)
    assert findings is not None
    assert findings.period_s == pytest.approx(0.083, rel=0.01)
