"""OpenMetrics 1.0 text, family by family (prometheus.io/docs/specs/om/open_metrics_spec)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from energybench.foreign_text import unicode_text

END = "# EOF"


class Sample(NamedTuple):
    """A value with its labels. A label without text is left out: it means the same as none."""

    labels: Mapping[str, str]
    value: float


def family(
    name: str,
    samples: Iterable[Sample],
    about: str,
    *,
    unit: str = "",
    kind: Literal["gauge", "info"] = "gauge",
) -> list[str]:
    """The lines of one family of metrics.

    name   with the unit as its last part ("energy_joules" in the unit "joules")
    about  one sentence
    The samples of an info have the suffix "_info" and the value 1.
    """
    lines = [f"# TYPE {name} {kind}"]
    if unit:
        lines.append(f"# UNIT {name} {unit}")
    lines.append(f"# HELP {name} {escaped(about)}")
    full_name = f"{name}_info" if kind == "info" else name
    for sample in samples:
        labels = ",".join(f'{key}="{escaped(text)}"' for key, text in sample.labels.items() if text)
        braces = f"{{{labels}}}" if labels else ""
        lines.append(f"{full_name}{braces} {float(sample.value)!r}")
    return lines


def escaped(text: str) -> str:
    """Backslash, quote and line break are escaped (OpenMetrics 1.0, ABNF)."""
    line = unicode_text(text).replace("\\", "\\\\").replace('"', '\\"')
    return line.replace("\n", "\\n")
