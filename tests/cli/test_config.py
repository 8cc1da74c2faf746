from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

from recollect.settings import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_settings_and_their_origins(run: Run, tmp_path: Path) -> None:
    """`recollect config` prints every setting, and where those came from that somebody gave."""
    (tmp_path / "recollect.toml").write_text("message_window = 7")
    lines = run("config", "--data-dir", "here", RECOLLECT_PORT="8123").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(Settings.__struct_fields__)
    shown = {line.split()[0]: line.split("= ")[1] for line in lines}
    assert shown["port"] == "8123  # RECOLLECT_PORT"
    assert shown["message_window"] == "7  # recollect.toml"
    assert shown["data_dir"] == f'"{tmp_path}/here"  # command line'
    assert shown["host"] == '"127.0.0.1"'


def test_json(run: Run) -> None:
    """`--json` prints one object that programs can read."""
    assert json.loads(run("config", "--json", RECOLLECT_PORT="8123").stdout)["port"] == 8123


def test_what_is_printed_can_be_a_file(run: Run, tmp_path: Path) -> None:
    """What is printed of the settings that are set is TOML."""
    printed = run("config", RECOLLECT_LANGUAGE="simple", RECOLLECT_DATA_DIR=str(tmp_path / "ä b")).stdout
    read = tomllib.loads("\n".join(line for line in printed.splitlines() if "= null" not in line))
    assert (read["language"], read["data_dir"]) == ("simple", str(tmp_path / "ä b"))


def test_secrets_are_hidden(run: Run) -> None:
    """No secret and no password of a URL is printed, in either form."""
    secrets = {
        "RECOLLECT_AUTH_SECRET": "HUSH",
        "ZEP_OPENAI_API_KEY": "HUSH",
        "RECOLLECT_DATABASE_URL": "postgresql://u:HUSH@h/db",
    }
    for arguments in ([], ["--json"]):
        done = run("config", *arguments, **secrets)
        assert done.returncode == 0
        assert done.stdout.count("**redacted**") == 3
        assert "HUSH" not in done.stdout + done.stderr


def test_a_wrong_setting(run: Run) -> None:
    """A setting that does not exist ends the command with 2, one line and a hint, without a traceback."""
    done = run("config", RECOLLECT_PROT="1")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "recollect: unknown setting RECOLLECT_PROT in the environment",
        "Did you mean RECOLLECT_PORT?",
    ]


def test_a_file_of_zep(run: Run, tmp_path: Path) -> None:
    """`--config` takes a Zep server's file."""
    (tmp_path / "zep.yaml").write_text("server: {port: 9000}")
    assert json.loads(run("config", "--json", "--config", "zep.yaml").stdout)["port"] == 9000
