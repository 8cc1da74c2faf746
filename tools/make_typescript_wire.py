"""Write the TypeScript client's types of the wire out of the API's description; with `--check` only compare."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recollect.http.openapi import describe
from recollect.http.routes import ROUTES

MODULE = Path(__file__).parents[1] / "clients" / "typescript" / "src" / "wire.ts"
API = "/api/v1"
HEAD = """\
// Made by tools/make_typescript_wire.py of the server's description of its API. Do not change it by hand.

/** A JSON object. */
export type Json = Record<string, any>;
"""
NAMES = {
    "integer": "number",
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "null": "null",
    "object": "Json",
}


def kind(schema: dict[str, Any]) -> str:
    """Return a schema as a type."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    choices = schema.get("anyOf")
    if isinstance(schema.get("type"), list):
        choices = [{**schema, "type": name} for name in schema["type"]]
    if choices:
        return " | ".join(dict.fromkeys(map(kind, choices)))
    match schema["type"]:
        case "array":
            return f"Array<{kind(schema['items'])}>"
        case "object" if "additionalProperties" in schema:
            return f"Record<string, {kind(schema['additionalProperties'])}>"
        case name:
            return NAMES[name]


def interface(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of an object's type."""
    yield f"/** {' '.join(schema['description'].split())} */"
    yield f"export interface {name} {{"
    for field, of_field in schema["properties"].items():
        required = field in schema.get("required", [])
        yield f"  {field}: {kind(of_field)};" if required else f"  {field}?: {kind(of_field)} | undefined;"
    yield "}\n"


def answer(operation: dict[str, Any]) -> str:
    """Return the type of what a route answers when all went well; commands answer a text."""
    content = next(iter(operation["responses"].values())).get("content", {})
    return " | ".join(kind(of_media["schema"]) for of_media in content.values())


def route(name: str, operation: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of what a route takes and answers."""
    yield f"  /** {operation['summary']} */"
    yield f'  "{name}": {{'
    if ids := re.findall(r"{(\w+)}", name):
        yield f"    ids: {{ {'; '.join(f'{each}: string' for each in ids)} }};"
    parameters = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    if parameters:
        query = "; ".join(f"{each['name']}?: {kind(each['schema'])} | undefined" for each in parameters)
        yield f"    query: {{ {query} }};"
    if "requestBody" in operation:
        yield f"    body: {kind(operation['requestBody']['content']['application/json']['schema'])};"
    yield f"    answer: {answer(operation)};"
    yield "  };"


def module() -> str:
    """Return the whole module."""
    description = describe(ROUTES)
    lines = [HEAD]
    for name, schema in description["components"]["schemas"].items():
        lines += interface(name, schema)
    lines += ["/** What each route takes and answers. */", "export interface Routes {"]
    for path, operations in description["paths"].items():
        if path.startswith(API):
            for method, operation in operations.items():
                lines += route(f"{method.upper()} {path.removeprefix(API)}", operation)
    return "\n".join([*lines, "}", ""])


def main() -> None:
    """Write the module, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if something would change")
    made = module()
    if not parser.parse_args().check:
        MODULE.write_text(made)
    elif not MODULE.exists() or MODULE.read_text() != made:
        sys.exit("clients/typescript/src/wire.ts is not as tools/make_typescript_wire.py makes it")


if __name__ == "__main__":
    main()
