from __future__ import annotations

import json
import re
from pathlib import Path

import click
import msgspec.inspect
import pytest

from recollect.cli.commands import recollect
from recollect.settings import Settings
from recollect.settings_of_zep import ZEP_KEYS, ZEP_MODEL_KEYS

DOCS = Path(__file__).parent.parent / "docs"


def kind(shape: msgspec.inspect.Type) -> str:
    """Say in words what a setting takes."""
    match shape:
        case msgspec.inspect.Metadata(type=inner) | msgspec.inspect.UnionType(types=(inner, *_)):
            return kind(inner)
        case msgspec.inspect.BoolType():
            return "`true` or `false`"
        case msgspec.inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in shape.values)
        case msgspec.inspect.CustomType():
            return "path"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            whole = "whole number" if isinstance(shape, msgspec.inspect.IntType) else "number"
            return f"{whole}, {shape.ge} to {shape.le}"
        case _:
            return "text"


def row(field: msgspec.inspect.Field) -> str:
    """Return the line that a setting must have in the tables of settings.md."""
    schema = field.type.extra_json_schema if isinstance(field.type, msgspec.inspect.Metadata) else None
    description = (schema or {})["description"]
    default = "not set" if field.default is None else f"`{json.dumps(field.default).strip(chr(34))}`"
    return f"| `{field.name}` | {kind(field.type)} | {default} | {description} |"


def commands(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    """List all commands below a group by what is typed to run them."""
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += commands(command, f"{path} {name}")
    return found


SETTINGS = msgspec.inspect.type_info(Settings).fields  # type: ignore[attr-defined]
COMMANDS = commands(recollect, "recollect")


@pytest.mark.parametrize("field", SETTINGS, ids=lambda field: field.name)
def test_settings_are_documented(field: msgspec.inspect.Field) -> None:
    """Each setting has its row in settings.md, with the type, range, default and meaning that the code gives it."""
    assert row(field) in (DOCS / "settings.md").read_text().splitlines()


def test_no_setting_is_invented() -> None:
    """settings.md describes no setting that the code does not have."""
    rows = re.findall(r"^\| `([a-z_]+)` (?:\|[^|]*){3}\|$", (DOCS / "settings.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(field.name for field in SETTINGS)


@pytest.mark.parametrize("key", [*ZEP_KEYS, *ZEP_MODEL_KEYS])
def test_zep_keys_are_documented(key: str) -> None:
    """Each key of a Zep configuration that is read is named in settings.md."""
    assert f"`{key}`" in (DOCS / "settings.md").read_text()


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_commands_are_documented(name: str, command: click.Command) -> None:
    """Each command has help, and a heading in command-line.md under which all its options stand."""
    assert command.help
    sections = re.split(r"^#+ ", (DOCS / "command-line.md").read_text(), flags=re.MULTILINE)
    section = next(section for section in sections if section.startswith(f"`{name}`\n"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert any(f"`{option}" in section for option in parameter.opts), parameter.name


def test_no_command_is_invented() -> None:
    """command-line.md has no heading for a command that does not exist."""
    headings = re.findall(r"^#+ `(recollect [a-z_ ]+)`$", (DOCS / "command-line.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(name for name, _ in COMMANDS)
