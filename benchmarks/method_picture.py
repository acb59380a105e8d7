"""The picture of docs/method.md: a trace with its windows, and two edges of a window from near.

    python benchmarks/method_picture.py [--out docs/images/trace.svg]

Both replays that ship with energybench are measured with the real command on the virtual clock. The
same readings give the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.analysis.energy.window_edges import edges
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import IDLE, REPEAT, Trace, Window
from energybench.store.reader import read_traces

ROOT = Path(__file__).parents[1]
REPLAYS = ROOT / "energybench/data/replays"
PICTURE = ROOT / "docs/images/trace.svg"

INK, GREY, BLUE, RED, SHADE, IDLE_SHADE = (
    "#1b1b1b",
    "#777777",
    "#1f5fa8",
    "#b3261e",
    "#dce8f7",
    "#eeeeee",
)

Point = tuple[float, float]


class Panel(NamedTuple):
    """A rectangle of the picture with its own axes.

    x, y, width, height  of the rectangle, in pixels
    t_s, values          the range of each axis
    """

    x: float
    y: float
    width: float
    height: float
    t_s: Point
    values: Point

    def at(self, t: float, value: float) -> Point:
        low_s, high_s = self.t_s
        low, high = self.values
        return (
            self.x + self.width * (t - low_s) / (high_s - low_s),
            self.y + self.height * (high - value) / (high - low),
        )

    def frame(self, title: str, x_title: str, y_title: str) -> list[str]:
        x, y = self.x + self.width / 2, self.y + self.height + 34
        return [
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" '
            f'height="{self.height:g}" fill="none" stroke="{GREY}"/>',
            text(self.x, self.y - 10, title, bold=True),
            text(x, y, x_title, anchor="middle"),
            text(self.x - 46, self.y - 10, y_title, anchor="start"),
        ]

    def ticks(self, t_s: Sequence[float], values: Sequence[float], digits: int) -> list[str]:
        """Numbers along both axes."""
        marks = []
        for t in t_s:
            x, y = self.at(t, self.values[0])
            marks += [line((x, y), (x, y + 4), GREY)]
            marks += [text(x, y + 17, f"{t:.{digits}f}", anchor="middle")]
        for value in values:
            x, y = self.at(self.t_s[0], value)
            marks += [line((x - 4, y), (x, y), GREY), text(x - 7, y + 4, f"{value:g}", "end")]
        return marks

    def shade(self, start_s: float, end_s: float, colour: str) -> str:
        left, top = self.at(max(start_s, self.t_s[0]), self.values[1])
        right, bottom = self.at(min(end_s, self.t_s[1]), self.values[0])
        return (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}" fill="{colour}"/>'
        )

    def upright(self, t: float) -> str:
        return line(self.at(t, self.values[0]), self.at(t, self.values[1]), RED, dashed=True)


def text(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    *,
    bold: bool = False,
    colour: str = INK,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}"{weight}>{words}</text>'


def line(a: Point, b: Point, colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 3"' if dashed else ""
    return (
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
        f'stroke="{colour}"{dashes}/>'
    )


def path(points: Iterable[Point], colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="2 3"' if dashed else ""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>'


def dot(centre: Point, colour: str, *, hollow: bool = False, radius: float = 3.5) -> str:
    fill = "white" if hollow else colour
    x, y = centre
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{colour}"/>'


class Run(NamedTuple):
    """One replayed run: the trace of one counter, its curve, and the windows."""

    trace: Trace
    energy: Curve
    windows: tuple[Window, ...]

    @property
    def first(self) -> Window:
        """The first repeat."""
        return next(window for window in self.windows if window.label == REPEAT)


def replayed(name: str, device: str) -> Run:
    """Measure one of the replays, and take the counter of one device."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "energybench", "measure", "--label", "picture"]
        replay = ["--replay", str(REPLAYS / name), "--out", folder]
        subprocess.run([*command, *replay], check=True, capture_output=True)
        traces, windows = read_traces(next(Path(folder).iterdir()))
    trace = next(
        trace
        for trace in traces
        if trace.channel.kind == "counter" and trace.channel.device.startswith(device)
    )
    energy = curve(trace)
    assert energy is not None
    return Run(trace, informed(energy, None), windows)


# ---------------------------------------------------------------- the three panels


def overview(run: Run) -> list[str]:
    """Power of one counter over the idle phase and the first two repeats."""
    panel = Panel(60, 40, 820, 170, (0.0, 170.0), (0.0, 300.0))
    shapes = []
    for window in run.windows:
        if window.start_s < panel.t_s[1] and window.label in (IDLE, REPEAT):
            colour = SHADE if window.label == REPEAT else IDLE_SHADE
            label = "window: idle"
            if window.label == REPEAT:
                label = f"window: repeat {(window.repeat or 0) + 1}"
            middle_s = (window.start_s + min(window.end_s, panel.t_s[1])) / 2
            shapes += [panel.shade(window.start_s, window.end_s, colour)]
            shapes += [text(*panel.at(middle_s, 268), label, anchor="middle")]
    # Power between two points of the energy curve, drawn as steps; equal powers are one step.
    steps: list[Point] = []
    for i in range(run.energy.t_s.size - 1):
        start_s, end_s = float(run.energy.t_s[i]), float(run.energy.t_s[i + 1])
        if end_s > panel.t_s[1]:
            break
        watts = run.energy.mean_w(i)
        if len(steps) >= 2 and abs(steps[-1][1] - watts) < 0.05:
            steps[-1] = (end_s, watts)
        else:
            steps += [(start_s, watts), (end_s, watts)]
    shapes += [path((panel.at(*step) for step in steps), BLUE)]
    for t in (run.first.start_s, run.first.end_s):
        shapes += [panel.upright(t)]
    shapes += [text(panel.at(run.first.start_s, 0)[0] - 5, 196, "edge", "end", colour=RED)]
    shapes += [text(panel.at(run.first.end_s, 0)[0] + 5, 196, "edge", colour=RED)]
    title = "a  Power between the readings of one counter (cpu-node, CPU package 0)"
    return [
        *shapes,
        *panel.frame(title, "seconds since the sampler started", "W"),
        *panel.ticks(range(0, 170, 20), (0, 100, 200, 300), 0),
    ]


def fast_counter(run: Run) -> list[str]:
    """The start of the first repeat on a counter that updates every millisecond."""
    edge_s = run.first.start_s
    panel = Panel(60, 300, 355, 230, (edge_s - 0.014, edge_s + 0.0085), (3062.4, 3065.8))
    shapes = [panel.shade(edge_s, panel.t_s[1], SHADE), panel.upright(edge_s)]
    shapes += _points(panel, run)
    opened, _ = edges(run.energy, edge_s, run.first.end_s)
    x, y = panel.at(edge_s, opened.energy_j)
    shapes += [
        dot((x, y), RED, radius=4.5),
        text(x + 9, y + 16, f"{opened.energy_j:.3f} J", colour=RED),
        text(*panel.at(edge_s - 0.0005, 3062.55), "edge", "end", colour=RED),
    ]
    return [
        *shapes,
        *panel.frame("b  The edge from near: readings every 5 ms", "s", "J"),
        *panel.ticks((40.99, 40.995, 41.0, 41.005), (3063, 3064, 3065), 3),
    ]


def slow_counter(run: Run) -> list[str]:
    """The start of the first repeat on a counter that updates every 100 ms."""
    edge_s = run.first.start_s
    panel = Panel(525, 300, 355, 230, (edge_s - 0.25, edge_s + 0.19), (2180.0, 2260.0))
    shapes = [panel.shade(edge_s, panel.t_s[1], SHADE), panel.upright(edge_s)]
    energy = run.energy
    # The value that the counter shows between its ticks, and the straight line across the edge.
    stairs: list[Point] = []
    for i in range(energy.t_s.size - 1):
        shown = float(energy.energy_j[i])
        start_s, end_s = float(energy.t_s[i]), float(energy.t_s[i + 1])
        if panel.t_s[0] <= end_s and start_s <= panel.t_s[1]:
            clipped = max(start_s, panel.t_s[0]), min(end_s, panel.t_s[1])
            stairs += [panel.at(t, shown) for t in clipped]
    shapes += [path(stairs, GREY, dashed=True)]
    shapes += _points(panel, run, readings=False)
    opened, _ = edges(energy, edge_s, run.first.end_s)
    i = energy.segment(edge_s)
    tick_s, tick_j = float(energy.t_s[i]), float(energy.energy_j[i])
    shapes += [
        path((panel.at(tick_s, tick_j), panel.at(edge_s, opened.energy_j)), RED),
        dot(panel.at(edge_s, opened.energy_j), RED, radius=4.5),
        dot(panel.at(edge_s, energy.at(edge_s)), GREY, hollow=True, radius=4.5),
    ]
    x, y = panel.at(edge_s, opened.energy_j)
    shapes += [text(x + 9, y + 42, f"{opened.energy_j:.2f} J: idle power", colour=RED)]
    shapes += [text(x + 9, y + 57, "went on to the edge", colour=RED)]
    x, y = panel.at(edge_s, energy.at(edge_s))
    shapes += [text(x - 8, y - 20, f"straight line: {energy.at(edge_s):.2f} J", "end", colour=GREY)]
    x, y = panel.at(tick_s - energy.period_s, tick_j - energy.mean_w(i - 1) * energy.period_s)
    shapes += [text(x, y - 10, "tick", anchor="middle", colour=BLUE)]
    return [
        *shapes,
        *panel.frame("c  A slower counter: a tick every 100 ms (gpu-node)", "s", "J"),
        *panel.ticks((40.8, 40.9, 41.0, 41.1), (2180, 2200, 2220, 2240, 2260), 1),
    ]


def _points(panel: Panel, run: Run, *, readings: bool = True) -> list[str]:
    """The energy curve inside the panel: its points, and the readings if asked for."""
    energy, trace = run.energy, run.trace
    inside = [
        panel.at(float(t), float(joules))
        for t, joules in zip(energy.t_s, energy.energy_j, strict=True)
        if panel.t_s[0] <= t <= panel.t_s[1]
    ]
    shapes = [path(inside, BLUE), *(dot(point, BLUE) for point in inside)]
    if readings:
        first = int(trace.raw[0])
        read = [
            panel.at(float(t), (int(raw) - first) * trace.channel.resolution)
            for t, raw in zip(trace.t_s, trace.raw, strict=True)
            if panel.t_s[0] <= t <= panel.t_s[1]
        ]
        shapes += [dot(point, INK, hollow=True) for point in read]
        x, y = panel.x + 14, panel.y + 20
        shapes += [dot((x, y), INK, hollow=True), text(x + 9, y + 4, "reading of the counter")]
        shapes += [dot((x, y + 18), BLUE)]
        shapes += [text(x + 9, y + 22, "point of the energy curve, 0.5 ms earlier", colour=BLUE)]
    return shapes


def picture() -> str:
    """The whole SVG."""
    cpu, gpu = replayed("cpu-node.toml", "package-0"), replayed("gpu-node.toml", "GPU-0e4a0c7d")
    shapes = [*overview(cpu), *fast_counter(cpu), *slow_counter(gpu)]
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="580" '
        'viewBox="0 0 900 580" font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="900" height="580" fill="white"/>', *shapes, "</svg>\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    arguments.out.write_text(picture(), "utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
