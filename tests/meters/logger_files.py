"""Files as loggers write them: four readings, 100.5 to 103.5 W, one second apart."""

from __future__ import annotations

import json
from pathlib import Path

from energybench.meters.meter_file import read
from energybench.meters.readings import Choice
from energybench.meters.series import MeterSeries
from energybench.meters.stretch import Around

T0 = 1_772_359_200  # 2026-03-01T10:00:00Z
UTC = Choice(timezone="UTC")
BERLIN = Choice(timezone="Europe/Berlin")
DCMI = """
    Instantaneous power reading:                   {watts} Watts
    Minimum during sampling period:                 10 Watts
    Maximum during sampling period:                600 Watts
    Average power reading over sample period:      140 Watts
    IPMI timestamp:                           {stamp}
    Sampling period:                          00000001 Seconds.
    Power reading state is:                   {state}

"""
PTD = "Time,03-01-2026 10:00:0{i}.000,Watts,{w},Volts,229.1,Amps,0.46,PF,0.5,Mark,a_testing\n"


def series(path: Path, content: str | bytes, choice: Choice, near: Around | None) -> MeterSeries:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, choice, near)


def rows(line: str, head: str = "", count: int = 4) -> str:
    """A log of count lines: {i} is 0, 1, …, {w} is 100.5, 101.5, …, {c} the same with a comma."""
    lines = [
        line.format(i=i, w=100.5 + i, c=f"{100 + i},5", n=100 + i, t=T0 + i) for i in range(count)
    ]
    return head + "".join(lines)


def nine_rows(tmp_path: Path, head: str, *lines: str) -> Path:
    """A file of nine times; {w} in a line is 100, 101, …"""
    path = tmp_path / "m.csv"
    text = [f"{T0 + i},{line.format(w=100 + i)}" for i in range(9) for line in lines]
    path.write_text("\n".join([head, *text]) + "\n", "utf-8")
    return path


def prometheus_answer(tmp_path: Path, *series: dict[str, str], name: str = "power_watts") -> Path:
    """Prometheus' answer with nine values of each series of a metric; series: the labels."""
    path = tmp_path / "m.json"
    result = [
        {
            "metric": {"__name__": name, **labels},
            "values": [[T0 + i, f"{100 + 10 * number + i}"] for i in range(9)],
        }
        for number, labels in enumerate(series)
    ]
    data = {"resultType": "matrix", "result": result}
    path.write_text(json.dumps({"status": "success", "data": data}), "utf-8")
    return path


CLOCK = "2026-03-01 10:00:0{i}"
KNOWN = {
    "nvidia-smi": (rows("2026/03/01 10:00:0{i}.000, {w} W\n", "timestamp, power.draw [W]\n"), UTC),
    "nvidia-smi nounits": (
        rows("2026/03/01 10:00:0{i}.000, 0, {w}, 300.00\n",
             "timestamp, index, power.draw [W], power.limit [W]\n"),
        UTC,
    ),
    "nvidia-smi noheader": (rows("2026/03/01 10:00:0{i}.000, GPU-1, {w} W\n"), UTC),
    "dmon": (
        rows(" 20260301   10:00:0{i}      0  {w}    19     -\n",
             "#Date       Time        gpu   pwr gtemp mtemp\n"
             "#YYYYMMDD   HH:MM:SS    Idx     W     C     C\n"),
        UTC,
    ),
    "PTDaemon": (rows(PTD), UTC),
    "MLLOG": (
        rows('0: :::MLLOG {{"namespace": "", "time_ms": {t}000, '
             '"key": "power_reading", "value": {w}, "metadata": {{"host": "node_0"}}}}\n',
             ':::MLLOG {"time_ms": 1772359199000, "key": "run_start", "value": null}\n'
             ':::MLLOG {"time_ms": 1772359199000, "key": "conversion_eff", "value": 0.9}\n'),
        Choice(),
    ),
    "date and time": (rows("01.03.2026;10:00:0{i};{c}\n", "Datum;Zeit;Leistung (W)\n"), UTC),
    "time and date": (rows("10:00:0{i},2026-03-01,{w}\n", "Time,Date,Power (W)\n"), UTC),
    "ms": (rows("{t}000;{c}\n", "t_ms;P [W]\n"), Choice()),
    "µs": (rows("{t}000000,{w}\n", "t,power_w\n"), Choice()),
    "ns": (rows("{t}000000000,{w}\n", "t,power_w\n"), Choice()),
    "ISO with a comma": (rows("2026-03-01T10:00:0{i},000Z;{c}\n", "time;W\n"), Choice()),
    "ISO with a blank zone": (rows(CLOCK + " +0000,{w}\n", "time,W\n"), Choice()),
    "ISO with UTC": (rows(CLOCK + " UTC,{w}\n", "time,W\n"), Choice()),
    "ISO basic": (rows("20260301T10000{i}Z,{w}\n", "time,W\n"), Choice()),
    "compact": (rows("202603011000 0{i},{w}\n".replace(" ", ""), "time,W\n"), UTC),
    "date(1)": (rows("Sun Mar  1 10:00:0{i} UTC 2026,{w}\n", "time,W\n"), Choice()),
    "ctime": (rows("Sun Mar  1 10:00:0{i} 2026,{w}\n", "time,W\n"), UTC),
    "AM and PM": (rows("3/1/2026 10:00:0{i} AM,{w}\n", "time,W\n"), UTC),
    "a named month": (rows("01-Mar-2026 10:00:0{i},{w}\n", "time,W\n"), UTC),
    "UTF-16": (rows("{t};{c}\r\n", "time;P [W]\r\n").encode("utf-16"), Choice()),
    "UTF-16 without a mark": (rows("{t};{c}\n", "time;P [W]\n").encode("utf-16-le"), Choice()),
    "UTF-16 big end first": (rows("{t};{c}\n", "time;P [W]\n").encode("utf-16-be"), Choice()),
    "UTF-8 with a mark": (b"\xef\xbb\xbf" + rows("{t},{w}\n", "time,P [W]\n").encode(), Choice()),
    "Windows 1252": (
        rows("{t};{c};20\n", "Zeit;Leistung [W];Temperatur [°C]\n").encode("cp1252"),
        Choice(),
    ),
    "sep=": (rows("{t};{c}\r\n", "sep=;\r\ntime;P [W]\r\n"), Choice()),
    "quoted": (rows('"{t}","{w}"\n', '"time","P, all phases [W]"\n'), Choice()),
    "quoted decimal commas": (rows('"{t}","{c}"\n', '"time","P [W]"\n'), Choice()),
    "comments": (rows("{t},{w}\n", "# meter 7\ntime,power_w\n# began\n"), Choice()),
    "preamble": (rows("{t},{w},1\n", "Meter 7\nSerial,12\n\ntime,power_w,pf\n"), Choice()),
    "a line of units": (rows("{t}\t{w}\t230\n", "time\tP\tU\ns\tW\tV\n"), Choice()),
    "spaces": (rows("{t} {w} W\n").replace(" W", "W"), Choice()),
    "bars": (rows("{t}|{w}\n", "time|power_w\n"), Choice()),
    "trailing separators": (rows("{t};{c};\n", "time;P [W]\n"), Choice()),
    "another clock beside": (
        rows("12345{i},{t},{w},900\n", "uptime_s,timestamp,power_w,lifetime energy (s)\n"),
        Choice(),
    ),
    "ipmitool, one line each": (
        rows("Instantaneous power reading:                   {w} Watts\t    IPMI timestamp:     "
             "                      Sun Mar  1 10:00:0{i} 2026\n"),
        UTC,
    ),
    "date in front of ipmitool": (
        rows("Sun Mar  1 10:00:0{i} UTC 2026\n"
             + DCMI.format(watts="{w}", stamp="Thu Jan  1 00:00:00 1970", state="activated")),
        Choice(),
    ),
    "date behind FreeIPMI": (
        rows("Current Power                        : {w} Watts\nPower Measurement : Active\n{t}\n"),
        Choice(),
    ),
    "ipmitool behind a time": (
        rows("2026-03-01T10:00:0{i}Z     Instantaneous power reading:   {w} Watts\n"),
        Choice(),
    ),
    "Tasmota": (
        rows('tele/plug/SENSOR {{"Time":"2026-03-01T10:00:0{i}","ENERGY":{{"TotalStartTime":'
             '"2025-09-16T00:00:00","Total":2.813,"Power":{w},"Voltage":235}}}}\n'),
        UTC,
    ),
    "Shelly behind a time": (
        rows('2026-03-01T10:00:0{i}Z plug/status/switch:0 {{"id":0,"output":true,"apower":{w},'
             '"aenergy":{{"total":11.6,"by_minute":[1.0,2.0,3.0],"minute_ts":1772359200}}}}\n'),
        Choice(),
    ),
    "records of a Redfish report": (
        '{"Id": "PowerMetrics", "MetricValues": ['
        + ",".join(
            f'{{"MetricId": "SystemInputPower", "MetricValue": "{100.5 + i}", '
            f'"Timestamp": "2026-03-01T10:00:0{i}+00:00"}}'
            for i in range(4)
        )
        + "]}",
        Choice(unit="W"),
    ),
    "a list of records": (
        "[" + ",".join(f'{{"ts": {T0 + i}, "power_w": {100.5 + i}}}' for i in range(4)) + "]",
        Choice(),
    ),
}  # fmt: skip
