from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from recollect import __version__

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_version(run: Run) -> None:
    """`--version` prints the version and nothing else."""
    assert run("--version").stdout == f"recollect {__version__}\n"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(run: Run, option: str) -> None:
    """Help lists the commands, without asking any setting."""
    done = run(option, RECOLLECT_PROT="1")
    assert done.returncode == 0
    for name in ("serve", "migrate", "config", "token", "doctor", "db"):
        assert f"\n  {name} " in done.stdout


def test_as_a_module() -> None:
    """`python -m recollect.cli` is the same program."""
    argv = [sys.executable, "-m", "recollect.cli", "--version"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.startswith("recollect ")


def test_help_loads_nothing_heavy() -> None:
    """What only some commands need is not imported to print help."""
    program = """
import sys
import recollect.cli.commands
heavy = {"asyncio", "asyncpg", "httpx", "jwt", "numpy", "onnxruntime", "rich", "uvloop", "yaml"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_an_unknown_command(run: Run) -> None:
    """A mistyped command is refused with 2."""
    done = run("sevre")
    assert done.returncode == 2
    assert "sevre" in done.stderr
