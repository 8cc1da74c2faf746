from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RECOLLECT = Path(sys.executable).with_name("recollect")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs the command line in an empty folder, with no settings but those it is given."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "ZEP_"))}

    def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [RECOLLECT, *arguments],
            cwd=tmp_path,
            env=environ | settings,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run
