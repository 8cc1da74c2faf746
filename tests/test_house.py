"""The rules of the house that no tool we use checks."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import recollect

ROOT = Path(__file__).parents[1]
SOURCE = sorted((ROOT / "src" / "recollect").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LONGEST_FUNCTION = 40
LONGEST_FILE = 400

# Assembled from parts, so that this file itself holds none of them.
UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"]))
UNPROVED = re.compile(
    "|".join([r"\bxf" + "ail", r"pytest\.(mark\.)?sk" + "ip", "importorsk" + "ip", r"unittest\.sk" + "ip"])
)
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("huggingface", "co"),
        ("crates", "io"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("anaconda", "org"),
        ("golang", "org"),
    ]
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("file", SOURCE, ids=lambda file: str(file.relative_to(ROOT)))
def test_functions_are_short(file: Path) -> None:
    """No function takes 40 lines or more, its docstring not counted."""
    long = {function.name: _length(function) for function in _functions(file) if _length(function) >= LONGEST_FUNCTION}
    assert long == {}


@pytest.mark.parametrize("file", SOURCE, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_short(file: Path) -> None:
    """No file of the program has more than 400 lines."""
    assert len(file.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("file", TESTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_tests_say_what_they_prove(file: Path) -> None:
    """Every test has a docstring."""
    mute = [
        function.name
        for function in _functions(file)
        if function.name.startswith("test_") and ast.get_docstring(function) is None
    ]
    assert mute == []


def test_nothing_is_left_unfinished() -> None:
    """No note of work to do stands in a tracked file."""
    assert _lines_with(UNFINISHED) == []


def test_nothing_is_left_unproved() -> None:
    """No test is switched off or expected to fail."""
    assert _lines_with(UNPROVED) == []


def test_no_registry_is_named() -> None:
    """Where packages come from is the machine's business: no tracked file holds a registry's host name."""
    assert _lines_with(re.compile("|".join(map(re.escape, REGISTRIES)))) == []


def test_public_names_are_sorted() -> None:
    """What the package offers by name is in order, and is there."""
    names = getattr(recollect, "__all__", [])
    assert list(names) == sorted(names)
    assert [name for name in names if not hasattr(recollect, name)] == []


def _functions(file: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: Function) -> int:
    """Return a function's lines from `def` on, without its docstring."""
    assert function.end_lineno is not None
    total = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return total
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return total - (docstring.end_lineno - docstring.lineno + 1)


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Return `file:line` of each match in the files under version control, or about to be."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, check=True, text=True).stdout.split("\0")
    return [
        f"{name}:{number}"
        for name in names
        if name and (ROOT / name).is_file()
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]
