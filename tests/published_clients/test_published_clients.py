"""The published clients of the Zep server, unmodified, on a live server: one process per program and way to call."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from recollect.http.auth import make_token
from recollect.settings import load

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-published" / "bin" / "python"
AREAS = ["connecting", "sessions", "memory", "messages", "users", "listing"]
EMBEDDED = ["searching", "documents"]
TYPESCRIPT = HERE.parents[1] / "clients" / "typescript" / "dist" / "esm" / "index.js"
JAVASCRIPT = {"theirs": {}, "ours": {"PACKAGE": TYPESCRIPT.as_uri()}}
SECRET = "shared with the original server"


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_python_client(url: str, area: str, mode: str) -> None:
    """All calls of zep-python 1.5.0 do what its users expect, plain and async, and warn of nothing."""
    await run_python(area, URL=url, MODE=mode)


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("package", JAVASCRIPT.values(), ids=JAVASCRIPT)
async def test_javascript_client(url: str, area: str, package: dict[str, str]) -> None:
    """All calls of @getzep/zep-js 0.10.0 do what its users expect, and warn of nothing; so do ours in their place."""
    await run_javascript(area, URL=url, **package)


@pytest.mark.parametrize("area", [*EMBEDDED, "langchain_classes"])
@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_python_client_finds(working_url: str, area: str, mode: str) -> None:
    """Searches and documents of zep-python 1.5.0, and LangChain's classes upon it, do what their users expect."""
    await run_python(area, URL=working_url, MODE=mode)


@pytest.mark.parametrize("area", EMBEDDED)
@pytest.mark.parametrize("package", JAVASCRIPT.values(), ids=JAVASCRIPT)
async def test_javascript_client_finds(working_url: str, area: str, package: dict[str, str]) -> None:
    """Searches and documents of @getzep/zep-js 0.10.0 do what its users expect; so do ours in their place."""
    await run_javascript(area, URL=working_url, **package)


@pytest.mark.parametrize("settings", [load({}, None, {"auth_required": True, "auth_secret": SECRET})], ids=["auth"])
@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_python_client_with_tokens(url: str, mode: str) -> None:
    """zep-python raises its AuthError where a token is missing, and works where it is there."""
    await run_python("tokens", URL=url, MODE=mode, KEY=make_token(SECRET))


@pytest.mark.parametrize("settings", [load({}, None, {"auth_required": True, "auth_secret": SECRET})], ids=["auth"])
@pytest.mark.parametrize("package", JAVASCRIPT.values(), ids=JAVASCRIPT)
async def test_javascript_client_with_tokens(url: str, package: dict[str, str]) -> None:
    """zep-js throws AuthenticationError where a token is missing, and works where it is there; so does ours."""
    await run_javascript("tokens", URL=url, KEY=make_token(SECRET), **package)


async def run_python(area: str, **environ: str) -> None:
    assert PYTHON.exists(), "run `make setup-clients`: the client's environment is missing"
    arguments = ("-W", "error", "-W", "ignore::DeprecationWarning", "-m", "unittest", area)
    assert re.search(r"^Ran [1-9]", await _run(HERE / "python", str(PYTHON), *arguments, environ=environ), re.MULTILINE)


async def run_javascript(area: str, **environ: str) -> None:
    assert (HERE / "javascript/node_modules").exists(), "run `make setup-clients`: the client is not installed"
    assert re.search(
        r"^# tests [1-9]", await _run(HERE / "javascript", "node", f"{area}.mjs", environ=environ), re.MULTILINE
    )


async def _run(folder: Path, *command: str, environ: dict[str, str]) -> str:
    """Run a program and return what it printed. Fails, with that, if the program fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 0, output.decode()
    return output.decode()
