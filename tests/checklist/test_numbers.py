"""The checklist of docs/compatibility.md and the tests that carry its numbers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
CHECKLIST = TESTS.parent / "docs" / "compatibility.md"
LINES = 145


def test_the_checklist_is_complete() -> None:
    """Every number from 1 to 145 stands in the checklist once, in order."""
    assert [number for number, _ in checklist()] == list(range(1, LINES + 1))


def test_every_line_is_tested() -> None:
    """Every line of the checklist has a test that carries its number, and no test a number of none."""
    assert numbers_in_tests() == set(range(1, LINES + 1))


def checklist() -> list[tuple[int, str]]:
    """Return the numbered lines with their text."""
    found = re.findall(r"^(\d+)\. (.*(?:\n   .*)*)$", CHECKLIST.read_text(), re.MULTILINE)
    return [(int(number), text) for number, text in found]


def numbers_in_tests() -> set[int]:
    """Return the numbers that tests carry: `test_030_031_...` by name, `030, 031: ...` by docstring."""
    numbers: list[str] = []
    for file in [*TESTS.rglob("test_*.py"), *TESTS.glob("published_clients/python/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                numbers += _leading(r"test_((?:\d{3}_)+)", node.name)
                numbers += _leading(r"((?:\d{3}, )*\d{3}): ", ast.get_docstring(node) or "")
    for file in TESTS.glob("published_clients/javascript/*.mjs"):
        for title in re.findall(r'^test\("(.*?)"', file.read_text(), re.MULTILINE):
            numbers += _leading(r"((?:\d{3} )+)", title)
    return set(map(int, numbers))


def _leading(pattern: str, text: str) -> list[str]:
    found = re.match(pattern, text)
    return re.findall(r"\d+", found[1]) if found else []
