from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from recollect import (
    DocumentClient,
    DocumentCollection,
    JobClient,
    MemoryClient,
    MessageClient,
    UserClient,
    ZepClient,
)

HERE = Path(__file__).parent
PROGRAMS = [HERE / "aio" / "program_aio.py", HERE / "sync" / "program_sync.py"]


def public_methods() -> set[str]:
    """Return what can be called, by how one calls it, but for what all models have and what the client itself uses."""
    parts = {
        "client": ZepClient,
        "client.memory": MemoryClient,
        "client.message": MessageClient,
        "client.user": UserClient,
        "client.document": DocumentClient,
        "client.job": JobClient,
        "notes": DocumentCollection,
    }
    used_within = {"dict", "to_dict", "through"}
    calls = {f"{part}.{name}" for part, kind in parts.items() for name in dir(kind) if callable(getattr(kind, name))}
    instance = ZepClient("http://127.0.0.1:1")
    calls |= {f"client.{name}" for name in vars(instance) if callable(getattr(instance, name))}
    names = {call: call.rpartition(".")[2] for call in calls}
    return {call for call, name in names.items() if not name.startswith("_") and name not in used_within}


def called() -> set[str]:
    """Return what the programs call, by how they write it."""
    trees = [ast.parse(program.read_text()) for program in PROGRAMS]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(node.func).replace("ZepClient.", "client.") for node in nodes}


def test_programs_are_typed() -> None:
    """Programs that use every method in both halves pass `mypy --strict`, with the types that they state."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", *PROGRAMS]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 2 source files\n"), done.stdout


def test_programs_use_every_method() -> None:
    """No method of any part, in either half, is left out of those programs; there are some hundred."""
    assert public_methods() - called() == set()
    assert len(public_methods()) > 90
    assert {"client.user.search", "client.user.asearch", "notes.search", "client.aget_memory"} <= public_methods()


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
