"""The pages keep what they promise: their commands and programs run, their lists are complete, their links lead on."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from live import ENVIRON, RECOLLECT, Server, reachable_folder, started

from recollect.errors import STATUS
from recollect.http.routes import ROUTES, Route

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TYPESCRIPT = ROOT / "clients" / "typescript"
PAGES = [ROOT / "README.md", TYPESCRIPT / "README.md", *sorted(DOCS.glob("*.md"))]
WRITTEN_ADDRESS = "http://127.0.0.1:8000"
PYTHON_OF_ZEP = ROOT / ".venv-published" / "bin" / "python"
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z")


class Block(NamedTuple):
    """A fenced block, and what follows it: `json` and `text` behind a command are what it prints."""

    language: str
    code: str
    line: int
    promised: tuple[str, str] | None


def blocks(page: Path) -> list[Block]:
    fenced = [
        (match[1], match[2], page.read_text()[: match.start()].count("\n") + 1)
        for match in re.finditer(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]
    return [
        Block(*block, promised=following[:2] if following and following[0] in {"json", "text"} else None)
        for block, following in itertools.zip_longest(fenced, fenced[1:])
        if block[0] in {"bash", "python", "typescript"}
    ]


def run(block: Block, server: Server, folder: Path) -> subprocess.CompletedProcess[str]:
    code = block.code.replace(WRITTEN_ADDRESS, server.address)
    environ = ENVIRON | {
        "PATH": f"{RECOLLECT.parent}:{ENVIRON['PATH']}",
        "RECOLLECT_DATA_DIR": str(server.data_dir),
    }
    if block.language == "bash":  # make is only asked what it would do, and curl says when it was refused
        script = re.sub(r"^make ", f"make -n -C {ROOT} ", code, flags=re.MULTILINE)
        command = ["bash", "-euo", "pipefail", "-c", 'curl() { command curl --fail-with-body -S "$@"; }\n' + script]
    elif block.language == "typescript":
        installed = folder / "node_modules" / "recollect"
        installed.parent.mkdir(exist_ok=True)
        if not installed.exists():
            installed.symlink_to(TYPESCRIPT)
        program = folder / f"line_{block.line}.ts"
        program.write_text(code)
        command = ["node", str(TYPESCRIPT / "tools" / "run.mjs"), str(program)]
    else:
        python = PYTHON_OF_ZEP if "zep_python" in code else RECOLLECT.with_name("python")
        command = [str(python), "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


def assert_alike(promised: object, given: object) -> None:
    """Hold what a page promises against what came: equal but for uuids, times and numbers."""
    assert type(promised) is type(given) or {type(promised), type(given)} == {int, float}
    if isinstance(promised, dict) and isinstance(given, dict):
        assert list(promised) == list(given)
        for key, value in promised.items():
            assert_alike(value, given[key])
    elif isinstance(promised, list) and isinstance(given, list):
        assert len(promised) == len(given)
        for one, other in zip(promised, given, strict=True):
            assert_alike(one, other)
    elif isinstance(promised, str) and isinstance(given, str):
        assert VARYING.sub("", promised) == VARYING.sub("", given)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all pages: their names do not get in each other's way."""
    with started() as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a page's programs run: PostgreSQL can be started in it."""
    with reachable_folder() as folder:
        yield folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_work(page: Path, server: Server, folder: Path) -> None:
    """The commands and programs of a page run, one after the other, and print what the page says they print."""
    for block in blocks(page):
        done = run(block, server, folder)
        where = f"{page.name}:{block.line}\n{block.code}\n{done.stdout}\n{done.stderr}"
        if block.promised is None or block.promised[0] == "json":
            assert done.returncode == 0, where
        if block.promised is not None and block.promised[0] == "json":
            assert_alike(json.loads(block.promised[1]), json.loads(done.stdout))
        elif block.promised is not None:
            assert done.stdout.strip() == block.promised[1].strip(), where


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_is_json(page: Path) -> None:
    """Every JSON block is valid."""
    for match in re.finditer(r"^```json\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        json.loads(match[1])


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project names one that exists, and a heading that stands in it."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert not anchor or anchor in anchors, target


def test_index_lists_every_page() -> None:
    """docs/index.md links every other page."""
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "index.md").read_text()))
    assert linked == {page.name for page in DOCS.glob("*.md")} - {"index.md"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_routes_are_documented(route: Route) -> None:
    """Each route stands in api.md, with the summary that its code gives it."""
    assert f"| `{route.method} {route.path}` | {route.summary} |" in (DOCS / "api.md").read_text().splitlines()


def test_no_route_is_invented() -> None:
    """api.md lists no route that does not exist."""
    listed = re.findall(r"^\| `([A-Z]+ /\S*)`", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(f"{route.method} {route.path}" for route in ROUTES)


def test_errors_are_documented() -> None:
    """errors.md has a row for each status the server answers with, naming its errors, and no others."""
    rows = dict(re.findall(r"^\| (\d{3}) \|([^|]*)\|", (DOCS / "errors.md").read_text(), re.MULTILINE))
    expected: dict[str, list[str]] = {"500": []}
    for kind, code in STATUS.items():
        expected.setdefault(str(int(code)), []).append(kind.__name__)
    assert {code: re.findall(r"`(\w+)`", names) for code, names in rows.items()} == expected


def test_metrics_are_documented(server: Server) -> None:
    """operations.md names each metric that the server shows, and no other."""
    shown = httpx.get(f"{server.address}/metrics").text
    names = set(re.findall(r"^# TYPE (\w+) (?!unknown)", shown, re.MULTILINE))
    names = {name for name in names if not name.endswith("_created")}
    assert set(re.findall(r"^\| `(recollect_\w+)", (DOCS / "operations.md").read_text(), re.MULTILINE)) == names


def test_make_targets_exist() -> None:
    """What the pages tell people to make can be made."""
    targets = {target for page in PAGES for target in re.findall(r"(?m)(?:`|^)make ([a-z-]+)", page.read_text())}
    assert {"serve", "test"} <= targets
    for target in sorted(targets):
        subprocess.run(["make", "-n", "-C", ROOT, target], check=True, capture_output=True)


def test_changes_are_told_in_sentences() -> None:
    """The changelog is of the usual form, newest first, and each line in it a sentence."""
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "Unreleased"
    entries = re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)
    assert entries
    assert [entry for entry in entries if not (entry[0].isupper() and entry.endswith("."))] == []
