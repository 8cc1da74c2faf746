"""Ours can do all that the published client can: its own Python tells what that is."""

from __future__ import annotations

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import recollect
from recollect import DocumentCollection, ZepClient

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-published" / "bin" / "python"
# The published asynchronous call takes a description where the blocking one takes the id. No server ever had one.
MISNAMED = ("DocumentCollection", "aupdate_document", 1)


@pytest.fixture(scope="module")
def published() -> Any:
    """The published client's surface."""
    done = subprocess.run([PYTHON, HERE / "published.py"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ours() -> dict[str, object]:
    """What of ours stands for which class of theirs."""
    client = ZepClient("http://127.0.0.1:1")
    return {
        "ZepClient": client,
        "MemoryClient": client.memory,
        "MessageClient": client.message,
        "UserClient": client.user,
        "DocumentClient": client.document,
        "DocumentCollection": DocumentCollection(name="any"),
    }


def parameters(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def differences(kind: str, theirs: dict[str, list[list[str | None]]], ours: object) -> list[str]:
    found = []
    for name, expected in theirs.items():
        method = getattr(ours, name, None)
        if method is None:
            found.append(f"{kind}.{name} is missing")
            continue
        given = parameters(method)
        for place, (parameter, default) in enumerate(expected):
            mine = given[place] if place < len(given) else None
            default_of_mine = None if mine is None or mine.default is mine.empty else repr(mine.default)
            if (mine and mine.name, default_of_mine) != (parameter, default) and (kind, name, place) != MISNAMED:
                found.append(f"{kind}.{name}: {parameter}={default}, ours is {mine}")
        extra = given[len(expected) :]
        found += [f"{kind}.{name}: {more} has to be named" for more in extra if more.kind is not more.KEYWORD_ONLY]
    return found


def test_every_method_is_there_with_its_parameters(published: Any, ours: dict[str, object]) -> None:
    """Each published method has its namesake, whose parameters have the same names, places and defaults."""
    assert set(published["classes"]) == set(ours)
    assert sum(map(len, published["classes"].values())) > 70
    assert [line for kind in ours for line in differences(kind, published["classes"][kind], ours[kind])] == []


def test_the_comparison_sees_differences(ours: dict[str, object]) -> None:
    """A method that we lack, a name, a default or a place that differs are told."""
    assert differences("MemoryClient", {"recall": []}, ours["MemoryClient"]) == ["MemoryClient.recall is missing"]
    for wrong in (["id", None], ["session_id", "''"]):
        assert len(differences("MemoryClient", {"get_session": [wrong]}, ours["MemoryClient"])) == 1
    assert len(differences("MemoryClient", {"get_memory": [["session_id", None]]}, ours["MemoryClient"])) == 1


def test_what_is_awaited_there_is_awaited_here(published: Any, ours: dict[str, object]) -> None:
    """A method waits without blocking if and only if its name begins with an a of its own."""
    for kind, methods in published["classes"].items():
        for name in methods:
            if name.startswith("__"):
                continue
            waits = name.startswith("a") and name[1:] in methods
            method = getattr(ours[kind], name)
            assert waits == (inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)), name


def test_every_model_has_its_fields(published: Any) -> None:
    """Each published model has its namesake, made by keyword of the same fields."""
    for name, fields in published["models"].items():
        assert set(fields) <= set(getattr(recollect, name).__struct_fields__), name


def test_every_error_and_the_constructor_are_there(published: Any) -> None:
    """Errors can be imported by their published names, and the client takes an address and a key by place."""
    assert set(published["errors"]) <= set(recollect.__all__)
    assert list(inspect.signature(ZepClient).parameters)[:2] == published["constructor"]
