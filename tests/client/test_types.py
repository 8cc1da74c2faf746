from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from recollect import DocumentCollection, ZepClient

HERE = Path(__file__).parent
PROGRAMS = [HERE / "aio" / "program_aio.py", HERE / "sync" / "program_sync.py"]


def public_methods() -> set[str]:
    """Return the names of what can be called, but for what all models have and what the client itself uses."""
    client = ZepClient("http://127.0.0.1:1")
    parts = [client, client.memory, client.message, client.user, client.document, client.job]
    names = {(part, name) for part in parts for name in dir(part)} | {
        (DocumentCollection, name) for name in set(dir(DocumentCollection)) - {"dict", "to_dict", "through"}
    }
    return {name for part, name in names if not name.startswith("_") and callable(getattr(part, name))}


def test_programs_are_typed() -> None:
    """Programs that use every method in both halves pass `mypy --strict`, with the types that they state."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", *PROGRAMS]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 2 source files\n"), done.stdout


@pytest.mark.parametrize("name", sorted(public_methods()))
def test_programs_use_every_method(name: str) -> None:
    """No method is left out of those programs."""
    called = {call for program in PROGRAMS for call in re.findall(r"\.(\w+)\(", program.read_text())}
    assert name in called


def test_mistakes_are_seen(tmp_path: Path) -> None:
    """A misspelt field, kind of search, method or class does not pass the type checker."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from recollect import MemorySearchPayload, Session, ZepClient\n"
        "Session(session='trip')\n"
        "MemorySearchPayload(search_type='semantic')\n"
        "ZepClient('http://127.0.0.1:1').memory.get_sesion('trip')\n"
        "from recollect import Sesion\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", wrong]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert sorted(set(re.findall(r"wrong\.py:(\d): error", done.stdout))) == ["2", "3", "4", "5"]
