"""Accounts, QOS and partitions of jobs: refused before the submission, and read back after it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.campaigns.examples import HEAD
from tests.cli.process import Ran, in_process

ONE = HEAD + '[cases.app]\ncommand = ["app"]\n[platforms.cpu]\npartition = "cpu"\n'
CONFIG = """\
AccountingStorageType   = accounting_storage/slurmdbd
ClusterName             = trial
JobSubmitPlugins        = (null)
"""
SHOWN = "JobId=11 JobName=trial.cpu\n   Account=m1 QOS=debug\n   Partition=cpu Reservation=r\n"
# Stand-ins of Slurm's programs. They write their calls down, and answer from files of the test.
PROGRAMS = {
    "sbatch": 'case "$*" in *--test-only*) exit 0;; esac\necho 11\n',
    "squeue": "",
    "scancel": '[ ! -e "$FOLDER/lasting" ] || { echo "scancel: error: no" >&2; exit 1; }\n',
    "scontrol": 'case "$*" in *config*) cat "$FOLDER/config";; *) cat "$FOLDER/shown";; esac\n',
    "sacctmgr": """
case "$*" in
*assoc*user=*cluster=trial*) printf 'm1\\nm1\\nroot\\n';;
*qos*) printf 'normal\\ndebug\\n';;
*) exit 9;;
esac
""",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, lines in PROGRAMS.items():
        write(tmp_path, name, lines)
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), os.environ["PATH"]]))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "shown").write_text(SHOWN)
    return tmp_path


def write(folder: Path, program: str, lines: str) -> None:
    file = folder / "programs" / program
    file.write_text(f'#!/bin/sh\necho "{program} $*" >> "$FOLDER/calls"\n{lines}')
    file.chmod(0o755)


def submit(folder: Path, lines: str) -> Ran:
    (folder / "trial.toml").write_text(f"{ONE}{lines}\n")
    return in_process("campaign", "submit", "trial.toml", cwd=folder)


def calls(folder: Path, program: str) -> list[str]:
    lines = (folder / "calls").read_text().splitlines()
    return [line for line in lines if line.startswith(program)]


@pytest.mark.parametrize(
    ("lines", "variable", "words"),
    [
        (
            'account = "nope"',
            "",
            "platforms.cpu.account: 'nope' is not an account of user USER on this cluster "
            "(have: m1, root)",
        ),
        (
            'account = "m1"\nqos = "nope"',
            "",
            "platforms.cpu.qos: 'nope' is not a QOS on this cluster (have: normal, debug)",
        ),
        ("", "SBATCH_ACCOUNT", "platforms.cpu: SBATCH_ACCOUNT: 'nope' is not an account of"),
        ("", "SBATCH_QOS", "platforms.cpu: SBATCH_QOS: 'nope' is not a QOS on this cluster"),
    ],
)
def test_an_unknown_account_is_refused_before_the_submission(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str, variable: str, words: str
) -> None:
    """In one line with the key, or the variable that stands for the key, and the known names."""
    if variable:
        monkeypatch.setenv(variable, "nope")
    ran = submit(folder, lines)
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert words.replace("USER", pwd.getpwuid(os.getuid()).pw_name) in line
    assert calls(folder, "sbatch") == []
    assert not (folder / "trial/state.json").exists()


def test_known_names_are_submitted_without_a_note(folder: Path) -> None:
    """Slurm ignores the case of accounts and QOS."""
    ran = submit(folder, 'account = "M1"\nqos = "debug"\nreservation = "r"')
    assert ran.code == 0, ran.err
    assert len(ran.err.splitlines()) == 1
    assert calls(folder, "scancel") == []


@pytest.mark.parametrize(
    ("program", "lines", "reason"),
    [
        ("sacctmgr", 'echo "sacctmgr: error: refused" >&2; exit 1', "sacctmgr: refused"),
        ("scontrol", "exit 1", "Slurm's controller gives no answer"),
        ("config", "AccountingStorageType = accounting_storage/none", "keeps no accounts"),
        ("sacctmgr", None, "sacctmgr: is not installed here"),
    ],
)
def test_accounts_that_cannot_be_asked_are_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, lines: str | None, reason: str
) -> None:
    if program == "config":
        (folder / "config").write_text(f"{lines}\n")
    elif lines is None:
        (folder / "programs" / program).unlink()
        system = {name: f"/usr/bin/{name}" for name in ("cat", "sh")}
        for name, place in system.items():
            (folder / "programs" / name).symlink_to(place)
        monkeypatch.setenv("PATH", str(folder / "programs"))
    else:
        write(folder, program, f"{lines}\n")
    ran = submit(folder, 'account = "m1"')
    assert ran.code == 0, ran.err
    assert "accounts were not checked: " in ran.err
    assert reason in ran.err
    assert len(calls(folder, "sbatch")) == 2


def test_a_user_without_accounts_is_a_note(folder: Path) -> None:
    """Slurm then charges the job to the account that it names, as the job's own record shows."""
    write(folder, "sacctmgr", "exit 0\n")
    (folder / "shown").write_text(SHOWN.replace("m1", "any"))
    ran = submit(folder, 'account = "any"')
    assert ran.code == 0, ran.err
    assert "accounts were not checked: sacctmgr lists no account of user" in ran.err


@pytest.mark.parametrize(
    ("line", "there", "instead", "words"),
    [
        ('account = "m1"', "Account=m1", "Account=root", "'root' in place of 'm1'"),
        ('qos = "debug"', "QOS=debug", "QOS=", "no qos in place of 'debug'"),
        ("", "Partition=cpu", "Partition=gpu", "'gpu' in place of 'cpu'"),
        ('reservation = "r"', "Reservation=r", "", "no reservation in place of 'r'"),
    ],
)
@pytest.mark.parametrize("lasting", [False, True])
def test_a_job_with_other_values_is_cancelled(
    folder: Path, line: str, there: str, instead: str, words: str, lasting: bool
) -> None:
    """And the refusal says whether the cancellation succeeded."""
    (folder / "shown").write_text(SHOWN.replace(there, instead))
    if lasting:
        (folder / "lasting").touch()
    ran = submit(folder, line)
    assert ran.code == 2
    (told,) = ran.err.splitlines()
    assert f"job 11 has {words}, and " in told
    assert ("could not be cancelled: scancel: no" in told) == lasting
    assert calls(folder, "scancel") == ["scancel 11"]


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ('qos = "regular"', SHOWN.replace("QOS=debug", "QOS=gpu_regular")),
        ("", SHOWN.replace("Partition=cpu", "Partition=cpu_ss11")),
    ],
)
def test_a_plug_in_of_the_site_may_rename_qos_and_partition(
    folder: Path, line: str, changed: str
) -> None:
    """The job stays, and a note says so; an account is not renamed."""
    (folder / "config").write_text(CONFIG.replace("(null)", "lua"))
    (folder / "shown").write_text(changed)
    ran = submit(folder, line)
    assert ran.code == 0, ran.err
    assert "a plug-in of the site may rename it" in ran.err
    (folder / "trial/state.json").unlink()
    (folder / "shown").write_text(changed.replace("Account=m1", "Account=other"))
    assert submit(folder, f'{line}\naccount = "m1"').code == 2
    assert calls(folder, "scancel") == ["scancel 11"]


def test_one_of_several_partitions_is_one_that_was_asked_for(folder: Path) -> None:
    (folder / "trial.toml").write_text(ONE.replace('"cpu"\n', '"fast,cpu"\n'))
    assert in_process("campaign", "submit", "trial.toml", cwd=folder).code == 0
