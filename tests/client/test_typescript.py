"""The TypeScript client: its own tests, against a live server, and what is made for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from live import ENVIRON

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "typescript"
TESTS = sorted((CLIENT / "tests").glob("*.test.mjs"))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name.partition(".")[0])
def test_it_passes_its_own_tests(file: Path, address: str) -> None:
    """Each file of the client's tests passes, run by Node against a live server."""
    built = CLIENT / "dist" / "cjs" / "package.json"
    sources = [*(CLIENT / "src").iterdir(), CLIENT / "tools" / "build.mjs", CLIENT / "tsconfig.json"]
    fresh = built.exists() and built.stat().st_mtime >= max(source.stat().st_mtime for source in sources)
    assert fresh, "run `make setup-clients`: the client is not built of its sources"
    done = subprocess.run(
        ["node", "--test", "--test-reporter", "tap", file],
        cwd=CLIENT,
        env=ENVIRON | {"RECOLLECT_URL": address},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE), done.stdout


def test_its_types_are_those_of_the_api() -> None:
    """The types of the wire are what the tool makes of the server's description of its API."""
    tool = ROOT / "tools" / "make_typescript_wire.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_sources_are_short() -> None:
    """No file of the client has more than 400 lines, none of its lines more than 120 characters."""
    made = CLIENT / "src" / "wire.ts"
    files = [file for folder in ("src", "tests", "tools") for file in (CLIENT / folder).rglob("*.*") if file != made]
    assert [file.name for file in files if len(file.read_text().splitlines()) > 400] == []
    long = [(file.name, line) for file in files for line in file.read_text().splitlines() if len(line) > 120]
    assert long == []


@pytest.mark.parametrize("folder", [CLIENT, ROOT / "tests" / "published_clients" / "javascript"])
def test_lock_files_hold_no_address(folder: Path) -> None:
    """Where packages come from is the machine's business: no lock file names an address."""
    assert "://" not in (folder / "package-lock.json").read_text()
