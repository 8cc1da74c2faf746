"""Structures out of what a model says: the schema it is given, and its answer read with patience."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

MOST_STARTS, MOST_CHARACTERS = 8, 200_000
"""Places at which JSON may begin that are tried, and what is read of an answer."""

COMMENT = ("title", "default")
"""Parts of a schema that tell a model nothing and that strict endpoints refuse."""

TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
"""A text in quotes, which is kept as it is, or a comma with nothing after it."""


class Broken(NamedTuple):
    """An answer that is not the structure asked for, and why."""

    text: str
    reason: str


def schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a msgspec Struct, as strict endpoints want it: all fields required, no others."""
    schema = msgspec.json.schema(kind)
    definitions = schema.get("$defs", {})
    root = definitions.pop(schema["$ref"].rpartition("/")[2])
    strict: dict[str, Any] = _strict(root | {"$defs": definitions} if definitions else root)
    return strict


def _strict(part: Any) -> Any:
    if isinstance(part, list):
        return [_strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {name: _strict(value) for name, value in part.items() if name not in COMMENT or isinstance(value, dict)}
    if made.get("type") == "object" and "properties" in made:
        made |= {"required": list(made["properties"]), "additionalProperties": False}
    return made


def read(text: str, kind: type[T]) -> T | Broken:
    """Return the first `kind` in a text, whatever stands around it; fields in plenty and trailing commas are forgiven.

    An object with none of the fields is not one, even if all have defaults.
    """
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]  # it is a Struct
    reason = "there is no JSON object in it"
    for part in _objects(text[:MOST_CHARACTERS]):
        try:
            raw = msgspec.json.decode(part)
            if not fields & raw.keys():
                reason = f"the object has none of the fields {', '.join(sorted(fields))}"
                continue
            return msgspec.convert(raw, kind, strict=False)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            reason = str(error)
    return Broken(text, reason)


def _objects(text: str) -> Iterator[str]:
    """Yield the objects in a text, outermost ones only; with trailing commas and NULs taken out."""
    at = 0
    for _ in range(MOST_STARTS):
        start = text.find("{", at)
        if start < 0:
            return
        at = _end(text, start) or start + 1
        yield TRAILING_COMMA.sub(lambda match: match[1] or "", text[start:at].replace("\\u0000", ""))


def _end(text: str, start: int) -> int | None:
    """Return where the object that begins here is over."""
    depth, at, quoted = 0, start, False
    while at < len(text):
        match text[at]:
            case "\\" if quoted:
                at += 1
            case '"':
                quoted = not quoted
            case "{" | "[" if not quoted:
                depth += 1
            case "}" | "]" if not quoted:
                depth -= 1
                if depth == 0:
                    return at + 1
        at += 1
    return None


def instructions(schema: dict[str, Any]) -> str:
    """Return what to tell a model of a schema: not every endpoint holds it to one, and none explains it."""
    return f"Answer with one JSON object of this schema, and nothing else: {json.dumps(schema, ensure_ascii=False)}"
