"""The filter language of searches: JSONPath conditions joined by `and` and `or`, and bounds on dates."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.errors import BadRequest

MAX_CONDITIONS = 100


class Filter(msgspec.Struct, frozen=True):
    """What a row must fulfil. `where` has the form that the SQL function metadata_matches takes; None: anything goes."""

    where: dict[str, Any] | None = None
    start_date: str | None = None
    end_date: str | None = None

    @property
    def empty(self) -> bool:
        """Whether every row passes."""
        return self.where is None and self.start_date is None and self.end_date is None


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
    """Check one filter and drop what says nothing."""
    if node is None:
        return None
    if not isinstance(node, dict):
        raise BadRequest(f"{path} is not an object")
    found: dict[str, Any] = {}
    if node.get("jsonpath") is not None:
        conditions[0] += 1
        if not isinstance(node["jsonpath"], str):
            raise BadRequest(f"{path}.jsonpath is not a text")
        if conditions[0] > MAX_CONDITIONS:
            raise BadRequest(f"metadata.where has more than {MAX_CONDITIONS} conditions")
        # Clients write @.key == 'value'; SQL/JSON knows double quotes only.
        found["jsonpath"] = node["jsonpath"].replace("'", '"')
    for word in ("and", "or"):
        parts = node.get(word)
        if parts is None:
            continue
        if not isinstance(parts, list):
            raise BadRequest(f"{path}.{word} is not a list")
        kept = [_node(part, f"{path}.{word}[{place}]", conditions) for place, part in enumerate(parts)]
        if kept and all(kept):
            found[word] = kept
        elif word == "and" and any(kept):
            found[word] = [part for part in kept if part]
    return found or None
