"""Run the client's tests on each Python of this machine that it supports, with nothing installed but what it needs.

The client is installed as its users install it, without the extra `server`; a server of the development environment
answers. Prints a line for each Python, and ends with 1 if a test failed or no Python was found.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from live import ENVIRON, started  # noqa: E402 -- found by the line before

SUPPORTED = [(3, 11), (3, 12), (3, 13), (3, 14)]
TESTS = ["aio", "sync", "test_ids.py", "test_models.py", "test_sharing.py"]
RUNNER = ["pytest", "pytest-asyncio", "pytest-timeout", "uvloop"]


def interpreters() -> dict[tuple[int, int], Path]:
    """Return a Python of each supported version, from the PATH or from pyenv."""
    found: dict[tuple[int, int], Path] = {}
    for major, minor in SUPPORTED:
        name = f"python{major}.{minor}"
        on_path = shutil.which(name)
        for candidate in [*([Path(on_path)] if on_path else []), *Path.home().glob(f".pyenv/versions/*/bin/{name}")]:
            if subprocess.run([candidate, "-c", "import ssl, venv"], capture_output=True, check=False).returncode == 0:
                found.setdefault((major, minor), candidate)
    return found


def test(python: Path, address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Install the client for a Python and run its tests against a server."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    pinned = ["-c", ROOT / "requirements-dev.lock"]
    subprocess.run([folder / "bin/pip", "install", "--quiet", *pinned, ROOT, *RUNNER], check=True)
    pytest = [folder / "bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*pytest, "--confcutdir", ROOT / "tests/client", *(ROOT / "tests/client" / name for name in TESTS)],
        cwd=ROOT,
        env=ENVIRON | {"RECOLLECT_TEST_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )


def main() -> None:
    """Test on all of them."""
    pythons = interpreters()
    failed = not pythons
    for version in SUPPORTED:
        name = ".".join(map(str, version))
        if version not in pythons:
            print(f"{name}: not on this machine")
            continue
        with started(RECOLLECT_ENTITIES="false") as server, tempfile.TemporaryDirectory() as folder:
            done = test(pythons[version], server.address, Path(folder))
        failed = failed or done.returncode != 0
        print(f"{name}: {done.stdout.strip().splitlines()[-1]}", flush=True)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
