"""Passwords in short options are recognised by the program; equal options of others stay."""

from __future__ import annotations

import pytest

from energybench.store.secrets import NOT_STORED, without_secrets

SECRET = "hunter6"


@pytest.mark.parametrize("before", [[], ["sudo"], ["srun", "-n", "1"], ["env", "A=1"]])
@pytest.mark.parametrize(
    "argv",
    [
        ["mysql", "-u", "me", "-p", SECRET, "db"],
        ["/usr/bin/mysql", f"-p{SECRET}", "db"],
        ["mysqldump", f"-p{SECRET}", "--all-databases"],
        ["mariadb", "-h", "host", f"-p{SECRET}"],
        ["mariadb-dump", "-p", SECRET],
        ["sshpass", "-p", SECRET, "ssh", "-p", "2222", "host"],
        ["sshpass", f"-p{SECRET}", "scp", "a", "b"],
        ["mongosh", "-u", "me", "-p", SECRET],
        ["smbclient", "//host/share", "-U", f"user%{SECRET}"],
        ["smbclient", "//host/share", f"-Uuser%{SECRET}"],
        ["rpcclient", f"--user=user%{SECRET}", "host"],
        ["ipmitool", "-H", "bmc", "-U", "admin", "-P", SECRET, "dcmi", "power", "reading"],
        ["ipmi-dcmi", "-h", "bmc", "-p", SECRET, "--get-system-power-statistics"],
        ["ldapsearch", "-x", "-w", SECRET],
        ["redis-cli", "-a", SECRET, "ping"],
        ["docker", "login", "-u", "me", "-p", SECRET],
        ["7z", "a", f"-p{SECRET}", "a.7z"],
        ["zip", "-P", SECRET, "a.zip", "a"],
        ["snmpwalk", "-v2c", "-c", SECRET, "pdu"],
        ["lftp", "-u", f"user,{SECRET}", "host"],
        ["sh", "-c", f"mysql -p{SECRET} db < a; sleep 1"],
        ["sh", "-c", f"cd /x && sshpass -p {SECRET} ssh host"],
        ["sh", "-c", f"echo a | mysql --host=h -p '{SECRET}' db"],
    ],
)
def test_a_password_in_a_short_option_is_not_stored(before: list[str], argv: list[str]) -> None:
    stored = without_secrets([*before, *argv])
    assert not any(SECRET in word for word in stored)
    assert any(NOT_STORED in word for word in stored)


@pytest.mark.parametrize(
    "argv",
    [
        ["serve", "-p", "8080"],
        ["nginx", "-p8080"],
        ["docker", "run", "-p", "8080:80", "image"],
        ["ssh", "-p", "2222", "host"],
        ["sh", "-c", "serve -p 8080; python -m http.server -P 1"],
        ["sh", "-c", "mysqld --skip-grant-tables; serve -p 8080"],
        ["mysql", "-p", "-h", "host", "db"],
        ["mysql", "-P", "3306", "--port=3306"],
        ["mysql", "-h", "host", "db"],
        ["ipmitool", "-p", "623", "sdr"],
        ["gcc", "-pthread", "-O3", "a.c"],
        ["mkdir", "-p", "results/mysql"],
        ["smbclient", "//host/share", "-U", "user"],
    ],
)
def test_the_same_options_of_other_programs_stay(argv: list[str]) -> None:
    assert list(without_secrets(argv)) == argv
