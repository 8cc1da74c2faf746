from __future__ import annotations

import subprocess
import sys
from pathlib import Path

UNASYNC = Path(__file__).parents[2] / "tools" / "unasync.py"


def test_the_blocking_half_is_fresh() -> None:
    """The blocking half of the client, and of its tests, is what the tool makes of the asynchronous half."""
    done = subprocess.run([sys.executable, UNASYNC, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
