"""The description of the API: whole, valid, and true, whatever is sent to the server."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from recollect.http.openapi import describe
from recollect.http.routes import ROUTES, Route

SCHEMATHESIS = Path(sys.executable).with_name("st")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
DOCUMENT = describe(ROUTES)
KNOWN = {
    "session_id": "lisbon",
    "user_id": "ana",
    "collection_name": "notes",
    "message_uuid": "5b1c7f0e-6d0a-4b52-9b3c-0f4f5d1c2a77",
}


async def schemathesis(url: str, *arguments: str, folder: Path, known: dict[str, str]) -> None:
    """Send what schemathesis makes of the description, the same at each run; fail with what it found."""
    config = folder / "schemathesis.toml"
    config.write_text("[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in known.items()))
    process = await asyncio.create_subprocess_exec(
        *(SCHEMATHESIS, "--config-file", config, "run", f"{url}/openapi.json", "--checks", ",".join(CHECKS)),
        *("--generation-deterministic", "--warnings", "off", "--no-color", *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


@pytest.fixture
async def seeded(working_api: httpx.AsyncClient) -> dict[str, str]:
    """The names of a user, a session, a message, a collection and a document that exist."""
    calls: list[tuple[str, Any]] = [
        ("user", {"user_id": KNOWN["user_id"]}),
        ("sessions", {"session_id": KNOWN["session_id"], "user_id": KNOWN["user_id"], "metadata": {"city": "Lisbon"}}),
        (
            f"sessions/{KNOWN['session_id']}/memory?wait=60",
            {
                "messages": [
                    {"uuid": KNOWN["message_uuid"], "role": "Ana", "content": "The tram is late.", "metadata": {}}
                ]
            },
        ),
        ("collection/notes", {"name": "notes", "embedding_dimensions": 384, "is_auto_embedded": True}),
        ("collection/notes/document", [{"content": "A tram runs on rails.", "document_id": "tram"}]),
    ]
    for path, body in calls:
        answer = await working_api.post(path, json=body)
        answer.raise_for_status()
    return KNOWN | {"document_uuid": answer.json()[0]}


async def test_answers_to_anything(working_url: str, tmp_path: Path) -> None:
    """Whatever is sent, and in chains of calls too, no answer is a 5xx or breaks the description."""
    await schemathesis(working_url, "--max-examples", "10", folder=tmp_path, known={})


async def test_answers_about_what_exists(working_url: str, seeded: dict[str, str], tmp_path: Path) -> None:
    """The same holds where users, sessions, messages, collections and documents are there to be read and changed."""
    arguments = ("--exclude-method", "DELETE", "--phases", "coverage,fuzzing", "--max-examples", "10")
    await schemathesis(working_url, *arguments, folder=tmp_path, known=seeded)


async def test_served(api: httpx.AsyncClient) -> None:
    """The server hands the document out as JSON, and it describes itself."""
    answer = await api.get("http://test/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(DOCUMENT))
    assert "/openapi.json" in answer.json()["paths"]


def test_valid() -> None:
    """The document is valid OpenAPI 3.1, and each schema in it valid JSON Schema."""
    OPENAPI_31_VALIDATOR.validate(DOCUMENT)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_references_lead_somewhere() -> None:
    """Every reference names a component there is, and every schema is referred to."""
    references = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(DOCUMENT)))
    components = {f"{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    assert references <= components
    assert {name for name in components if name.startswith("schemas/")} <= references


def test_operations_are_named_once() -> None:
    """No two operations have the same id."""
    ids = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_routes_are_described(route: Route) -> None:
    """Each route has a summary of one sentence, its path's parameters, its body and the ways it may fail."""
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert operation["summary"].endswith(".")
    in_path = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", route.path)
    assert ("requestBody" in operation) == (route.body is not None)
    if route.path.startswith("/api/"):
        assert {"400", "401", "413", "503"} <= set(operation["responses"])


def test_what_is_always_there() -> None:
    """A session's fields are all required, null or not; a user's are where they are never left out."""
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["Session"]["required"]) == set(schemas["Session"]["properties"])
    optional = set(schemas["User"]["properties"]) - set(schemas["User"]["required"])
    assert optional == {"email", "first_name", "last_name", "metadata"}
    assert schemas["NewSession"]["required"] == ["session_id"]


class Addresses(HTMLParser):
    """Collects what a page would load or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found |= {value for name, value in attrs if name in {"src", "href", "action", "srcset"} and value}


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_stand_alone(api: httpx.AsyncClient, path: str) -> None:
    """The pages refer to nothing but this server, and forbid the browser to load anything else."""
    page = await api.get(f"http://test{path}")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    reader = Addresses()
    reader.feed(page.text)
    assert {address for address in reader.found if not address.startswith("/")} == {"data:,"}
    assert "//" not in re.sub(r"<!--.*?-->", "", page.text)
    for address in reader.found - {"data:,"}:
        assert (await api.get(f"http://test{address}")).status_code == 200
