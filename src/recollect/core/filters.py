"""The filter language of searches: JSONPath conditions joined by `and` and `or`, and bounds on dates."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.errors import BadRequest

MAX_CONDITIONS = 100


class Filter(msgspec.Struct, frozen=True):
    """What a row must fulfil; `where` in the form that the SQL function metadata_matches takes."""

    where: dict[str, Any] | None = None
    start_date: str | None = None
    end_date: str | None = None


def parse(metadata: dict[str, Any] | None) -> Filter:
    """Read the `metadata` of a search. Raises BadRequest naming the field."""
    if not metadata:
        return Filter()
    where = _node(metadata.get("where"), "metadata.where", [0])
    return Filter(where, _date(metadata, "start_date"), _date(metadata, "end_date"))


def _date(metadata: dict[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"metadata.{name} is not a text")
    return value or None


def _node(node: object, path: str, conditions: list[int]) -> dict[str, Any] | None:
    """Check one filter and drop what says nothing; None when nothing is left."""
    if node is None:
        return None
    if not isinstance(node, dict):
        raise BadRequest(f"{path} is not an object")
    found: dict[str, Any] = {}
    if node.get("jsonpath") is not None:
        conditions[0] += 1
        found["jsonpath"] = _path(node["jsonpath"], f"{path}.jsonpath")
    if conditions[0] > MAX_CONDITIONS:
        raise BadRequest(f"metadata.where has more than {MAX_CONDITIONS} conditions")
    for word in ("and", "or"):
        parts = _parts(node.get(word), f"{path}.{word}", conditions)
        if word == "or" and not all(parts):
            continue  # one of the choices asks for nothing
        if kept := [part for part in parts if part]:
            found[word] = kept
    return found or None


def _parts(parts: object, path: str, conditions: list[int]) -> list[dict[str, Any] | None]:
    if parts is None:
        return []
    if not isinstance(parts, list):
        raise BadRequest(f"{path} is not a list")
    return [_node(part, f"{path}[{place}]", conditions) for place, part in enumerate(parts)]


def _path(text: object, field: str) -> str:
    if not isinstance(text, str):
        raise BadRequest(f"{field} is not a text")
    return text.replace("'", '"')  # clients write @.key == 'value'; SQL/JSON knows double quotes only
