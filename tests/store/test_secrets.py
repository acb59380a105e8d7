"""Arguments and settings that look like secrets are not stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.measuring.session import ranges
from energybench.model import WorkloadRef
from energybench.store.secrets import NOT_STORED, without_secret_settings, without_secrets
from energybench.store.writer import RunWriter
from tests.store.filled_runs import fill, header

SECRET = "hunter2xyz"


@pytest.mark.parametrize(
    "argv",
    [
        ["p", f"--password={SECRET}"],
        ["p", "--password", SECRET],
        ["p", "--db-password", SECRET],
        ["p", f"-Dapi.key={SECRET}"],
        ["p", f"--api_key={SECRET}"],
        ["p", "--token", SECRET],
        *(
            ["p", option, f"{sign}{SECRET}"]
            for option in ("--token", "-pw")
            for sign in ("-", "--X9f-")
        ),
        *(
            ["env", f"{name}={SECRET}", "p"]
            for name in ("GH_TOKEN_1", "OPENAI_API_KEY_2", "PASSWORD2")
        ),
        *(
            ["p", f"--{name}", SECRET]
            for name in ("password1", "api-keys", "secret-value", "password-base64", "kennwort")
        ),
        ["p", f"--token-value={SECRET}", f"api_tokens={SECRET},a", f"token => {SECRET}"],
        ["p", f"<password>{SECRET}</password>", f"<db-token>{SECRET}</db-token>"],
        ["p", "--connection-string", f"Server=h;Extra={SECRET}"],
        ["p", f"SG.{SECRET}ABCDEFGHIJ.{SECRET}"],
        ["p", f"https://hooks.slack.com/services/T0/B0/{SECRET}"],
        ["p", f"hf_{SECRET}ABCDEFG"],
        ["p", f"--hub=hf_{SECRET}ABCDEFG"],
        ["p", "--id=AKIAHUNTER2XYZ000AA"],
        ["p", f"ghp_{SECRET}ABCDEFGHIJKLMN"],
        ["p", f"sk-{SECRET}ABCDEFGHIJKLMN"],
        ["env", f"AWS_SECRET_ACCESS_KEY={SECRET}", "p"],
        ["env", f"PGPASSWORD={SECRET}", "p"],
        ["env", f"KEY={SECRET}", "p"],
        ["env", f"GITHUB_PAT={SECRET}", "p"],
        ["env", f"JWT={SECRET}", f"DB_CREDS={SECRET}", "p"],
        ["p", f"--pw={SECRET}"],
        ["plink", "-pw", SECRET, "host"],
        ["p", f"--client-key={SECRET}", f"--pkey={SECRET}", "--wifi-psk", SECRET],
        ["curl", f"https://example.org/?sv=2024&sig={SECRET}&se=1"],
        ["curl", f"https://example.org/?X-Amz-Signature={SECRET}"],
        ["curl", "-b", f"PHPSESSID=1; session_id={SECRET}"],
        ["curl", "-u", f"joe:{SECRET}", "https://example.org"],
        ["curl", f"--user=joe:{SECRET}", "https://example.org"],
        ["curl", f"--proxy-user=joe:{SECRET}", f"-ujoe:{SECRET}"],
        ["sh", "-c", f"curl -u joe:{SECRET} https://example.org && curl --user 'joe:{SECRET}' a"],
        *(["p", f"--password=a{sign}{SECRET}"] for sign in " ,;&|'"),
        *(["env", f"API_KEY=a{sign}{SECRET}", "p"] for sign in " ,;&|'"),
        *(["curl", "-H", f"Authorization: Bearer a{sign}{SECRET}"] for sign in " ,;&|'"),
        ["p", f"--passwords={SECRET}", f"--secrets={SECRET}"],
        ["curl", f"https://joe:{SECRET}@example.org/a"],
        ["curl", f"https://{SECRET}@example.org/a"],
        ["p", f"postgresql+x://joe:{SECRET}@db/n"],
        ["curl", f"https://example.org/?a=1&access_token={SECRET}&b=2"],
        ["curl", "-H", f"Authorization: Bearer {SECRET}"],
        ["curl", "-H", f"X-Api-Key: {SECRET}"],
        ["sh", "-c", f"export TOKEN='{SECRET}'; p --passwd {SECRET} | q"],
        ["p", f'{{"secret": "{SECRET}"}}'],
        ["p", f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----"],
    ],
)
def test_a_secret_is_not_stored(argv: list[str]) -> None:
    """Passwords, tokens, keys and users of an address, as programs take them; the option stays."""
    stored = without_secrets(argv)
    text = "\n".join(stored)
    assert SECRET not in text
    assert "HUNTER2" not in text
    assert NOT_STORED in text
    assert len(stored) == len(argv)
    assert stored[0] == argv[0]


@pytest.mark.parametrize(
    "argv",
    [
        ["python", "train.py", "--tokenizer", "gpt2", "--max-tokens=5", "--lr", "0.1"],
        ["p", "--spat=4", "--sigma=0.3", "--patience", "5", "--pwm=2", "pattern=a", "--sidecar=x"],
        ["p", "--keys=1", "monkey=3", "--hotkey", "x", "--turkey", "y", "author=me"],
        ["git", "clone", "ssh://git@example.org/x"],
        ["p", "--secret-file=/run/secret", "--auth", "-v"],
        [
            "p",
            "--auth",
            "-vv",
            "--auth",
            "--dry-run",
            "--auth",
            "-O3",
            "--auth",
            "--mode=fast",
            "--auth",
            "--",
            "x",
        ],
        ["sh", "-c", "sleep 1; echo done"],
        ["p", "--tokens", "300B", "--pad-token-id=5", "num_tokens=7", "--token-text-length", "9"],
        ["p", "--pin", "true", "--token=0", "disk_usage"],
        ["srun", "-u", "p", "--user", "joe"],
    ],
)
def test_other_arguments_stay(argv: list[str]) -> None:
    """A name that only contains such a word, a path, a switch."""
    assert without_secrets(argv) == tuple(argv)


def test_settings_by_name_and_by_declaration() -> None:
    """A workload declares its own secrets; a name or a token is recognised in any workload."""
    settings = {"seed": 5, "lr": 0.1, "token": SECRET, "where": f"hf_{SECRET}A", "regions": True}
    stored = without_secret_settings(settings, {"seed"})
    hidden = {"seed": NOT_STORED, "token": NOT_STORED, "where": NOT_STORED}
    assert stored == {**settings, **hidden}


def test_no_file_of_a_run_holds_a_secret(tmp_path: Path) -> None:
    """Neither while it is measured nor when it is finished, in text or in Parquet's header."""
    stated = header(
        command=("p", f"--password={SECRET}"),
        workload=WorkloadRef(name="x", size="s", device="cpu", settings={"api_key": SECRET}),
    )
    with RunWriter(tmp_path, stated) as writer:
        fill(writer)
        assert stated.workload is not None
        writer.workload(stated.workload)
        during = [path.read_bytes() for path in writer.directory.iterdir()]
        final, _ = writer.finish(ranges())
    after = [path.read_bytes() for path in final.iterdir()]
    assert len(during) == 3
    assert len(after) == 2
    assert not any(SECRET.encode() in content for content in (*during, *after))
