from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live import ENVIRON, RECOLLECT, Server, reachable_folder, started


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command line in an empty folder, with no settings but those it is given."""

    def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [RECOLLECT, *arguments],
            cwd=tmp_path,
            env=ENVIRON | settings,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder of one test's own."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a server, for tests that do it no harm."""
    with started() as server:
        yield server


@pytest.fixture
def launch() -> Iterator[Callable[..., Server]]:
    """Return a function that runs a server of one test's own."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **settings: stack.enter_context(started(*arguments, **settings))
