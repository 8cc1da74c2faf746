"""Write docs/python-reference.md out of the client's signatures and docstrings; with `--check` only compare."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path

import msgspec

from recollect import client
from recollect.client import models

PAGE = Path(__file__).parents[1] / "docs" / "python-reference.md"
HEAD = """\
# Reference of the Python client

Made of the client's docstrings by `tools/make_python_reference.py`. To start, see [From Python](python.md).

Each call is there twice: as it stands here it blocks, with an `a` in front of its name it is awaited (`get_session`,
`aget_session`); a generator is then one for `async for`.
"""
PARTS = {
    "The client": client.ZepClient,
    "client.memory": client.MemoryClient,
    "client.message": client.MessageClient,
    "client.user": client.UserClient,
    "client.document": client.DocumentClient,
    "A collection": client.DocumentCollection,
    "client.job": client.JobClient,
}
PROMPT = re.compile(r"^(?:>>>|\.\.\.) ", re.MULTILINE)
HIDDEN = {"dict", "to_dict", "through", "aclose", "acheck"}
WRITTEN_OUT = {
    "Json": "dict[str, Any]",
    "Users": "list[User]",
    "Sessions": "list[Session]",
    "Results": "list[MemorySearchResult]",
    "Names": "list[str]",
    "Jobs": "list[Job]",
    "Features": "dict[str, Feature]",
    "SearchType": '"similarity" | "mmr" | "hybrid"',
    "SearchScope": '"messages" | "summary"',
    "JobStatus": '"due" | "leased" | "failed"',
    "Transport": "httpx.BaseTransport | httpx.AsyncBaseTransport | None",
}


def kind(annotation: object) -> str:
    """Return a type as it is written, short names of long types written out."""
    return re.sub(r"\w+", lambda word: WRITTEN_OUT.get(word[0], word[0]), str(annotation))


def signature(name: str, function: object) -> str:
    """Return a call as one writes it, with types and defaults."""
    shown, named = [], False
    described = inspect.signature(function)  # type: ignore[arg-type]  # classes and functions have one
    for parameter in described.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not named:
            shown.append("*")
            named = True
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        shown.append(f"{parameter.name}: {kind(parameter.annotation)}{default}")
    answer = "" if inspect.isclass(function) else f" -> {kind(described.return_annotation)}"
    return f"{name}({', '.join(shown)}){answer}"


def text(thing: object) -> str:
    """Return a docstring as Markdown, its examples as code."""
    paragraphs = (inspect.getdoc(thing) or "").split("\n\n")
    return "\n\n".join(
        f"```py\n{re.sub(PROMPT, '', paragraph)}\n```" if re.match(PROMPT, paragraph) else paragraph
        for paragraph in paragraphs
    )


def methods(owner: type) -> dict[str, object]:
    """Return the public blocking calls of a part, in the order in which they are written."""
    own = [name for base in reversed(owner.__mro__) for name in vars(base) if name[0] != "_"]
    calls = {name: getattr(owner, name) for name in own if inspect.isroutine(getattr(owner, name))}
    return {name: call for name, call in calls.items() if name not in HIDDEN and call.__module__.find(".aio.") < 0}


def fields(model: type[msgspec.Struct]) -> list[str]:
    """Return the rows of a model's table of fields."""
    rows = ["| field | type | default |", "|---|---|---|"]
    annotations = {
        name: value for base in reversed(model.__mro__) for name, value in inspect.get_annotations(base).items()
    }
    for field in msgspec.structs.fields(model):
        factory = field.default_factory is not msgspec.NODEFAULT
        default = field.default_factory() if factory else field.default  # type: ignore[operator,misc]  # it is one
        shown = "" if field.required else f"`{default!r}`"
        rows.append(
            f"| `{field.name}` | `{kind(annotations[field.name])}` | {shown} |".replace(" | None`", " or None`")
        )
    return rows


def page() -> str:
    """Return the whole page."""
    lines = [HEAD]
    for title, owner in PARTS.items():
        lines += [f"## {title}", "", text(owner), ""]
        if owner is client.ZepClient:
            lines += ["```py", signature("ZepClient", owner), "```", ""]
        for name, function in methods(owner).items():
            lines += [f"### `{name}`", "", "```py", signature(name, function), "```", "", text(function), ""]
    lines += ["## What is passed and returned", "", text(models), ""]
    for name in client.__all__:
        model = getattr(client, name)
        if issubclass(model, msgspec.Struct):
            lines += [f"### `{name}`", "", text(model), "", *fields(model), ""]
    return "\n".join(lines)


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if something would change")
    made = page()
    if not parser.parse_args().check:
        PAGE.write_text(made)
    elif not PAGE.exists() or PAGE.read_text() != made:
        sys.exit("docs/python-reference.md is not as tools/make_python_reference.py makes it")


if __name__ == "__main__":
    main()
