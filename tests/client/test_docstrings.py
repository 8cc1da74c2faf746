"""The client's docstrings: the reference is made of them, and their examples run."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import recollect
from recollect import ZepClient
from recollect.client.sync import collections, documents, jobs, memory, messages, users

REFERENCE = Path(__file__).parents[2] / "tools" / "make_python_reference.py"
PROMPT = re.compile(r"^(?:>>>|\.\.\.) ")
EXAMPLES = [
    "users.add",
    "memory.add_session",
    "memory.get_session",
    "memory.list_all_sessions",
    "memory.add_memory",
    "memory.get_memory",
    "memory.search_memory",
    "memory.list_summaries",
    "users.search",
    "messages.get_session_messages",
    "messages.update_message_metadata",
    "collections.add_collection",
    "documents.add_documents",
    "documents.search",
    "memory.delete_memory",
]
"""The most used calls, in an order in which each finds what those before it made."""


def calls() -> Iterator[tuple[str, str]]:
    """Yield every blocking call of the API by its module and name, with its docstring."""
    for module in (users, memory, messages, collections, documents, jobs):
        for owner in vars(module).values():
            if inspect.isclass(owner) and owner.__module__ == module.__name__:
                for name, call in vars(owner).items():
                    if not name.startswith("_"):
                        yield f"{module.__name__.rpartition('.')[2]}.{name}", inspect.getdoc(call) or ""


def examples() -> dict[str, str]:
    found = {
        name: "\n".join(PROMPT.sub("", line) for line in docstring.splitlines() if PROMPT.match(line))
        for name, docstring in calls()
    }
    return {name: code for name, code in found.items() if code}


def test_the_reference_is_fresh() -> None:
    """The page of reference is what the tool makes of the docstrings."""
    done = subprocess.run([sys.executable, REFERENCE, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_call_says_what_it_does() -> None:
    """Each call has a docstring, and the most used ones an example of at most two lines."""
    assert [name for name, docstring in calls() if not docstring] == []
    assert {name: len(code.splitlines()) <= 2 for name, code in examples().items()} == dict.fromkeys(EXAMPLES, True)


def test_examples_run(client: ZepClient) -> None:
    """The examples run, one after the other, with the names of the package and a client."""
    scene: dict[str, Any] = {name: getattr(recollect, name) for name in recollect.__all__} | {"client": client}
    for name in EXAMPLES:
        exec(compile(examples()[name], name, "exec"), scene)
    assert scene["memory"].messages[0].content == "We leave on Friday."
    assert scene["message"].metadata["mood"] == "merry"
    assert scene["document"].content == "The ferry leaves at noon."
