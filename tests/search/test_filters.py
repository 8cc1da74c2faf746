"""Filters on metadata: the whole way from the JSON of a request to the rows, against their definition in Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect.core.filters import MAX_CONDITIONS, parse
from recollect.errors import BadRequest
from recollect.store import Store

KEYS, VALUES = "abc", range(3)
METADATA: list[dict[str, Any] | None] = [
    None,
    *({"a": a, "b": {"c": b}, "c": [a, b]} for a in VALUES for b in VALUES),
    *({key: str(value)} for key in KEYS for value in VALUES),
    {},
]
PATHS = {
    **{f"$[*] ? (@.a == {value})": lambda row, value=value: row.get("a") == value for value in VALUES},
    **{f"$.b ? (@.c > {value})": lambda row, value=value: _number(row.get("b"), "c") > value for value in VALUES},
    **{f"$ ? (@.c[*] == {value})": lambda row, value=value: value in _list(row.get("c")) for value in VALUES},
    **{f"$[*] ? (@.b == '{value}')": lambda row, value=value: row.get("b") == str(value) for value in VALUES},
    "$.a": lambda row: "a" in row,
    "$.nowhere": lambda row: "nowhere" in row,
}


def _number(value: object, key: str) -> float:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, int) else float("-inf")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


trees = st.recursive(
    st.fixed_dictionaries({}, optional={"jsonpath": st.sampled_from(sorted(PATHS)) | st.none()}) | st.none(),
    lambda below: st.fixed_dictionaries(
        {},
        optional={
            "jsonpath": st.sampled_from(sorted(PATHS)),
            "and": st.lists(below, max_size=3) | st.none(),
            "or": st.lists(below, max_size=3) | st.none(),
        },
    ),
    max_leaves=12,
)


def holds(tree: dict[str, Any] | None, row: dict[str, Any] | None) -> bool:
    """Tell whether a row fulfils a filter: all its parts do; a part that asks for nothing is fulfilled."""
    if not tree:
        return True
    path = tree.get("jsonpath")
    if path is not None and (row is None or not PATHS[path](row)):
        return False
    if not all(holds(part, row) for part in tree.get("and") or []):
        return False
    choices = tree.get("or") or []
    return not choices or any(holds(part, row) for part in choices)


async def matching(store: Store, tree: dict[str, Any] | None) -> list[bool]:
    """Ask the database about each row of METADATA."""
    where = parse({"where": tree}).where
    async with store.database.connection() as connection:
        return [
            await connection.raw.fetchval(
                "SELECT $2::jsonb IS NULL OR metadata_matches($1::jsonb, $2::jsonb)", row, where
            )
            for row in METADATA
        ]


async def test_boolean_trees(store: Store) -> None:
    """Filters nested in any way match exactly the rows that their definition says."""
    seen: list[dict[str, Any] | None] = []

    @settings(max_examples=150, deadline=None)
    @given(trees)
    def collect(tree: dict[str, Any] | None) -> None:
        seen.append(tree)

    collect()
    assert len(seen) >= 100
    matched = set()
    for tree in seen:
        expected = [holds(tree, row) for row in METADATA]
        assert await matching(store, tree) == expected, tree
        matched.add(sum(expected))
    assert len(matched) > 5


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ([], "metadata.where"),
        ({"jsonpath": 1}, "metadata.where.jsonpath"),
        ({"and": {}}, "metadata.where.and"),
        ({"or": [{"and": ["x"]}]}, "metadata.where.or[0].and[0]"),
        ({"and": [{"jsonpath": "$"}] * (MAX_CONDITIONS + 1)}, "metadata.where"),
    ],
)
def test_what_is_no_filter(where: object, field: str) -> None:
    """A filter of a wrong shape is refused with the place of the mistake."""
    with pytest.raises(BadRequest, match="^" + field.replace("[", r"\[") + " "):
        parse({"where": where})


async def test_a_path_that_cannot_be_read(store: Store) -> None:
    """A JSONPath with a mistake in it is the caller's error, not the server's."""
    for path in ("", "$[", "$ ? (@.a = 1)", "$.a like_regex"):
        with pytest.raises(BadRequest):
            await matching(store, {"jsonpath": path})
