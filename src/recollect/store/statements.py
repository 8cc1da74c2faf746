"""The SQL files, loaded once: every statement by its name, `file.statement`."""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def _load() -> dict[str, str]:
    statements: dict[str, str] = {}
    for file in resources.files(__package__).joinpath("sql").iterdir():
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        noun = file.name.removesuffix(".sql")
        statements |= {
            f"{noun}.{name}": text.strip().rstrip(";") for name, text in zip(parts[::2], parts[1::2], strict=True)
        }
    return statements


STATEMENTS = _load()
