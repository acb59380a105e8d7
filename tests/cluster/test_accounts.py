"""Texts of sacct and scontrol in several versions, as they were printed or are documented."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energybench.cluster.accounts import FIELDS, Row, quantity, rows, time_s
from energybench.cluster.row_windows import overlap_s, starts, window
from energybench.cluster.slurm_configuration import configuration, version
from energybench.cluster.slurm_queries import rows_between
from energybench.errors import BadInput
from energybench.node_names import expanded

SAVED = Path(__file__).parent / "saved"
HEAD = "|".join(FIELDS)


def saved(name: str) -> list[Row]:
    return rows((SAVED / name).read_text())


def line(**cells: str) -> str:
    """A row of sacct -P; cells that are not stated are those of a plain job."""
    plain = {
        **{"JobIDRaw": "120", "JobID": "120", "Cluster": "c", "User": "u", "Account": "a"},
        **{"Partition": "cpu", "State": "COMPLETED", "Submit": "100", "Start": "100"},
        **{"End": "300", "ElapsedRaw": "200", "NNodes": "1", "NodeList": "n1"},
        **{"AllocTRES": "billing=8,cpu=8,energy=5,node=1", "ConsumedEnergyRaw": "5000"},
        **{"ConsumedEnergy": "5K", "JobName": "job"},
    }
    return "|".join({**plain, **cells}[name] for name in FIELDS)


def only(text: str) -> Row:
    (row,) = rows(f"{HEAD}\n{text}\n")
    return row


def test_rows_of_a_real_cluster() -> None:
    """Arrays, a heterogeneous job, a job that was put back, and a `|` in a name: Slurm 22.05."""
    found = saved("sacct_22.05_contain.txt")
    jobs = {row.name: row for row in found if not row.step}
    assert jobs["2_1"].job == 10
    assert jobs["2_2"].job == 2
    assert jobs["2_1"].job_name == "a|b c"
    assert {jobs["3+0"].job, jobs["3+1"].job} == {3, 4}
    assert jobs["7"].state == "CANCELLED"
    assert jobs["1"].energy_j == 17409
    assert jobs["1"].cpus == 32
    steps = [row.label for row in found if row.job == 1]
    assert steps == ["1", "1.batch", "1.extern", "1.0", "1.1"]


def test_starts_of_a_job_that_was_put_back() -> None:
    """Each start has its own steps; the row of the first start is blank."""
    first, second = [
        start for start in starts(saved("sacct_22.05_contain.txt")) if start.job.job == 5
    ]
    assert (first.number, second.number) == (0, 1)
    assert first.job.energy_j is None
    assert first.extern is not None
    assert first.extern.energy_j == 390
    assert [step.step for step in second.steps] == ["batch", "extern", "0"]


def test_a_job_without_contain_has_no_extern() -> None:
    by_job = {start.job.job: start for start in starts(saved("sacct_22.05_steps.txt"))}
    assert by_job[1].sums_steps
    assert by_job[1].job.energy_j == sum(step.energy_j or 0 for step in by_job[1].own_steps)
    assert not starts(saved("sacct_22.05_contain.txt"))[0].sums_steps


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        # both words stand for no time: sacct(1)
        ({"Start": "Unknown", "End": "Unknown", "ElapsedRaw": ""}, "start_s", None),
        ({"Start": "None", "End": "None"}, "end_s", None),
        ({"State": "CANCELLED by 1000"}, "state", "CANCELLED"),
        ({"State": "CANCELLED+"}, "state", "CANCELLED"),
        ({"State": ""}, "state", ""),
        ({"Partition": "", "ElapsedRaw": "", "NNodes": ""}, "elapsed_s", None),
        ({"NodeList": "None assigned"}, "node_list", ""),
        ({"AllocTRES": ""}, "cpus", None),
        ({"AllocTRES": "cpu=128,gres/gpu:a100=4,gres/gpu=4,mem=480G,node=1"}, "cpus", 128),
        # the rounded figure alone
        ({"ConsumedEnergyRaw": "", "ConsumedEnergy": "1.83K"}, "energy_j", 1830),
        ({"ConsumedEnergyRaw": "", "ConsumedEnergy": ""}, "energy_j", None),
        ({"ConsumedEnergyRaw": "0", "ConsumedEnergy": "0"}, "energy_j", 0),
        # NO_VAL64 of slurm.h, which no counter reaches
        ({"ConsumedEnergyRaw": "18446744073709551614"}, "energy_j", 2.0**64),
        ({"JobName": "a|b|c"}, "job_name", "a|b|c"),
        ({"JobIDRaw": "120.4294967291", "JobID": "120.4294967291"}, "step", "4294967291"),
        ({"JobID": "118_[2-9%3]"}, "name", "118_[2-9%3]"),
        ({"JobIDRaw": "121.extern", "JobID": "120+1.extern"}, "name", "120+1"),
    ],
)
def test_a_cell(cells: dict[str, str], field: str, value: object) -> None:
    assert getattr(only(line(**cells)), field) == value


def test_a_newline_in_a_name_begins_no_row() -> None:
    found = rows(f"{HEAD}\n{line(JobName='a')}\nrest|of it\n{line(JobIDRaw='121')}\n")
    assert [row.job for row in found] == [120, 121]
    assert found[0].job_name == "a rest|of it"


def test_a_name_that_looks_like_a_row_begins_no_row() -> None:
    """Whoever names a job does not know the delimiter of the question."""
    mark = "|3f9a|"
    head, real = HEAD.replace("|", mark), line(JobName="x").replace("|", mark)
    forged = line(JobIDRaw="777", JobID="777", User="victim", ConsumedEnergyRaw="20000")
    found = rows(f"{head}\n{real}\n{forged}\n", mark)
    assert [row.job for row in found] == [120]
    assert found[0].job_name.startswith("x 777|777|")


def test_the_question_to_the_accounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each has a delimiter of its own, and times in UTC, where no hour comes twice."""
    asked = tmp_path / "asked"
    sacct = tmp_path / "sacct"
    sacct.write_text(f"""#!/bin/sh
echo "$TZ $*" >> {asked}
for word; do case $word in --delimiter=*) mark=${{word#--delimiter=}}; esac; done
echo '{HEAD}' | sed "s/|/$mark/g"
""")
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    # summer time ends within this hour
    since_s, until_s = 1792887000, 1792890300  # 2026-10-25 00:10 and 01:05 UTC
    for _ in range(2):
        assert rows_between(since_s, until_s, [], 30.0) == []
    first, second = asked.read_text().splitlines()
    assert first.startswith("UTC ")
    assert "--starttime=2026-10-25T00:10:00 --endtime=2026-10-25T01:05:00" in first
    assert first != second


def test_no_rows_and_other_columns() -> None:
    assert rows(f"{HEAD}\n") == []
    with pytest.raises(BadInput, match="other columns"):
        rows("JobID|State\n1|COMPLETED\n")
    with pytest.raises(BadInput, match="other columns"):
        rows("")


def test_a_job_across_midnight() -> None:
    """Times without a zone are those of this machine; the length comes from both."""
    row = only(line(Start="2026-11-28T23:59:00", End="2026-11-29T00:01:00"))
    assert row.start_s is not None
    assert row.end_s is not None
    assert row.end_s - row.start_s == 120
    place = window(row)
    assert place is not None
    assert place.node_s == 120


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1872", 1872),
        ("17.41K", 17410),
        ("2.1M", 2.1e6),
        ("3G", 3e9),
        ("", None),
        ("-5", None),
        ("nan", None),
    ],
)
def test_units(text: str, value: float | None) -> None:
    assert quantity(text) == (pytest.approx(value) if value is not None else None)


def test_times() -> None:
    assert time_s("1795943367") == 1795943367
    assert time_s("2026-11-29T09:09:27+00:00") == 1795943367
    for text in ("", "Unknown", "None", "N/A", "0"):
        assert time_s(text) is None


@pytest.mark.parametrize(
    ("short", "names"),
    [
        ("n1", ("n1",)),
        ("cpu[1-2],gpu7", ("cpu1", "cpu2", "gpu7")),
        ("cpu[08-10,12]", ("cpu08", "cpu09", "cpu10", "cpu12")),
        ("r[1-2]n[1-2]-ib", ("r1n1-ib", "r1n2-ib", "r2n1-ib", "r2n2-ib")),
        ("", ()),
        ("None assigned", ()),
        ("cpu[1-", ()),
        ("cpu[x]", ()),
        ("cpu[1-999999999]", ()),
        ("a[1-99999]b[1-99999]", ()),
    ],
)
def test_names_of_nodes(short: str, names: tuple[str, ...]) -> None:
    assert expanded(short) == names


def test_overlapping_windows() -> None:
    """Node-seconds in two of the windows; other nodes at the same time are no overlap."""
    text = [
        line(JobIDRaw="120.0", NodeList="n[1-2]", Start="100", End="200"),
        line(JobIDRaw="120.1", NodeList="n1", Start="150", End="250"),
        line(JobIDRaw="120.2", NodeList="n3", Start="100", End="300"),
    ]
    places = [window(row) for row in rows("\n".join([HEAD, *text]))]
    assert overlap_s([place for place in places if place is not None]) == 50


# ---------------------------------------------------------------- configuration


def test_configuration_of_a_real_cluster() -> None:
    config = configuration((SAVED / "config_22.05.txt").read_text())
    assert config.version == (22, 5, 8)
    assert config.plug_ins == ("rapl",)
    assert config.components == ("cpu.package", "cpu.dram")
    assert config.contain
    assert (config.node_period_s, config.task_period_s, config.period_s) == (1, 1, 1)
    assert config.keeps_accounts


@pytest.mark.parametrize(
    ("text", "plug_ins", "components", "period_s"),
    [
        # formats of 23.11, 24.05 and 25.05: slurm.conf(5)
        (
            "AcctGatherEnergyType    = (null)\nAcctGatherNodeFreq = 0 sec\n"
            "SLURM_VERSION = 23.11.10\n",
            (),
            (),
            10,
        ),
        (
            "AcctGatherEnergyType = acct_gather_energy/ipmi\nAcctGatherNodeFreq = 30 sec\n",
            ("ipmi",),
            ("node",),
            10,
        ),
        (
            "AcctGatherEnergyType = acct_gather_energy/gpu,acct_gather_energy/rapl\n"
            "AcctGatherNodeFreq = 5 sec\nSLURM_VERSION = 25.05.3\n",
            ("gpu", "rapl"),
            ("gpu.board", "cpu.package", "cpu.dram"),
            5,
        ),
        ("AcctGatherEnergyType = acct_gather_energy/none\n", (), (), 10),
    ],
)
def test_configurations(
    text: str, plug_ins: tuple[str, ...], components: tuple[str, ...], period_s: float
) -> None:
    config = configuration(text)
    assert config.plug_ins == plug_ins
    assert config.components == components
    assert config.period_s == period_s


def test_versions() -> None:
    assert version("slurm-wlm 22.05.8") == (22, 5, 8)
    assert version("25.05.0-rc1") == (25, 5, 0)
    assert version("") is None
