"""A server as its users run it: a process of its own, with the PostgreSQL that came along."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

RECOLLECT = Path(sys.executable).with_name("recollect")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "ZEP_"))}


class Server(NamedTuple):
    """A server that runs, on the embedded PostgreSQL."""

    address: str
    data_dir: Path
    process: subprocess.Popen[str]


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Make a folder that PostgreSQL's user can enter, when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="recollect-cli-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def started(*arguments: str | Path, **settings: str) -> Iterator[Server]:
    """Run `recollect serve` until it is ready, and stop it in the end."""
    with reachable_folder() as folder:
        argv = [RECOLLECT, "serve", "--port", "0", "--data-dir", folder / "data", *arguments]
        process = subprocess.Popen(argv, cwd=folder, env=ENVIRON | settings, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            events = (json.loads(line) for line in process.stderr)
            ready = next((event for event in events if event["event"] == "ready"), None)
            assert ready is not None
            yield Server(ready["address"], folder / "data", process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
