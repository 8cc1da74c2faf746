"""The description of the API, made from the routes and the structs they take and give: OpenAPI 3.1."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from types import UnionType
from typing import TYPE_CHECKING, Any

import msgspec

from recollect import __version__
from recollect.errors import STATUS

if TYPE_CHECKING:
    from recollect.http.routes import Route

REFERENCES = "#/components/schemas/{name}"
METHODS_THAT_WRITE = {"POST", "PUT", "PATCH", "DELETE"}
ABOUT = """Recollect remembers what users and assistants said to each other.

Every route under `/api/v1` that a Zep server 0.27.2 has answers as it does there.

Bodies are read as JSON whatever their content type. Fields that are not known are ignored, and `null` stands for an
absent field. Errors are plain text."""

HEADERS = {
    "Version": {
        "description": "The version of the API, a dash, and this server's own version.",
        "schema": {"type": "string", "pattern": r"^\d+\.\d+\.\d+-"},
    },
    "RequestId": {
        "description": "The caller's `X-Request-Id`, or a new one. The log names it.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "Seconds after which to try again.", "schema": {"type": "integer", "minimum": 0}},
}
EVERY_HEADER = {
    "X-Zep-Version": {"$ref": "#/components/headers/Version"},
    "X-Request-Id": {"$ref": "#/components/headers/RequestId"},
}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Needed when `auth_required` is set. `recollect token` makes one.",
}


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of these routes."""
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recollect", "version": __version__, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "tags": _tags(routes),
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {_name(code): _refusal(code) for code in dict.fromkeys(STATUS.values())},
            "headers": HEADERS,
            "securitySchemes": {"token": TOKEN},
        },
    }


class _Schemas:
    """The schemas of all types that routes take and give."""

    def __init__(self, routes: Iterable[Route]) -> None:
        taken = [route.body for route in routes if route.body is not None]
        taken += [parameter.kind for route in routes for parameter in route.query]
        given = [kind for route in routes if route.answer is not None for kind in _kinds(route.answer)]
        of_taken, self.components = msgspec.json.schema_components(taken, ref_template=REFERENCES)
        of_given, answered = msgspec.json.schema_components(given, ref_template=REFERENCES)
        for struct in dict.fromkeys(_structs(msgspec.inspect.multi_type_info(given))):
            _as_answered(answered[struct.__name__], struct)
        for schema in self.components.values():
            _as_asked(schema)
        self.components.update(answered)
        self._taken = dict(zip(map(str, taken), of_taken, strict=True))
        self._given = dict(zip(map(str, given), of_given, strict=True))

    def of_taken(self, kind: Any) -> dict[str, Any]:
        return self._taken[str(kind)]

    def of_given(self, kind: Any) -> dict[str, Any]:
        return self._given[str(kind)]


def _structs(part: object) -> Iterator[type[msgspec.Struct]]:
    """Find all structs inside a description of types."""
    if isinstance(part, msgspec.inspect.StructType):
        yield part.cls
    if isinstance(part, tuple | list):
        for inner in part:
            yield from _structs(inner)
    elif isinstance(part, msgspec.inspect.Type | msgspec.inspect.Field):
        for name in part.__struct_fields__:
            yield from _structs(getattr(part, name))


def _as_answered(schema: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Say which fields are always there: msgspec leaves out what is unset or, if told so, equals its default."""
    for property_ in schema["properties"].values():
        property_.pop("default", None)
    schema["required"] = [
        field.encode_name
        for field in msgspec.structs.fields(struct)
        if field.default is msgspec.NODEFAULT
        or not (struct.__struct_config__.omit_defaults or field.default is msgspec.UNSET)
    ]


def _as_asked(schema: dict[str, Any]) -> None:
    """Say which fields must be there: those whose own default would be refused."""
    for name, property_ in schema.get("properties", {}).items():
        if property_.get("default", ...) is not None:
            continue
        del property_["default"]
        if "type" in property_ and property_.pop("anyOf", None):
            schema["required"] = sorted({*schema.get("required", []), name})


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method} {route.path.removeprefix('/api/v1')}").strip("_").lower(),
        "tags": [_tag(route)],
        "summary": route.summary,
        "description": route.description,
        "parameters": [*_path_parameters(route), *_query_parameters(route, schemas)],
        "responses": {str(route.status): _answer(route, schemas)} | _other_answers(route),
        "security": [{"token": []}, {}] if _guarded(route) else [],
    }
    if route.body is not None:
        content = {"application/json": {"schema": schemas.of_taken(route.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return {key: value for key, value in operation.items() if value or key == "security"}


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        if name.endswith("uuid"):
            schema: dict[str, Any] = {"type": "string", "format": "uuid"}
        else:
            schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    for parameter in route.query:
        schema = schemas.of_taken(parameter.kind)
        yield {"name": parameter.name, "in": "query", "description": parameter.text, "schema": schema}


def _answer(route: Route, schemas: _Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done." if route.answer is str else "What was asked for."}
    answer["headers"] = EVERY_HEADER
    if route.answer is not None:
        content: dict[str, list[Any]] = {}
        for kind in _kinds(route.answer):
            media = route.media or ("text/plain" if kind is str else "application/json")
            content.setdefault(media, []).append(schemas.of_given(kind))
        answer["content"] = {media: {"schema": _either(choices)} for media, choices in content.items()}
    return answer


def _either(choices: list[Any]) -> Any:
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _kinds(answer: Any) -> tuple[Any, ...]:
    """Return what an answer may be: `str | Thing` is a text or a thing, as the request has it."""
    return answer.__args__ if isinstance(answer, UnionType) else (answer,)


def _other_answers(route: Route) -> dict[str, Any]:
    others: dict[str, Any] = {
        str(code): {"description": text, "headers": EVERY_HEADER, "content": _plain_text()}
        for code, text in route.also.items()
    }
    return others | {str(int(code)): {"$ref": f"#/components/responses/{_name(code)}"} for code in _refusals(route)}


def _refusals(route: Route) -> Iterator[HTTPStatus]:
    if _guarded(route):
        yield HTTPStatus.BAD_REQUEST
        yield HTTPStatus.UNAUTHORIZED
        if "{" in route.path and route.missing:
            yield HTTPStatus.NOT_FOUND
    yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    yield HTTPStatus.SERVICE_UNAVAILABLE
    if route.method in METHODS_THAT_WRITE:
        yield HTTPStatus.INSUFFICIENT_STORAGE


def _refusal(code: HTTPStatus) -> dict[str, Any]:
    """Describe the answer to all errors that have this status, in their own words."""
    texts = [(kind.__doc__ or "").rstrip(".") + "." for kind in STATUS if STATUS[kind] == code]
    texts = [text[0].upper() + text[1:] for text in texts]
    headers: dict[str, Any] = dict(EVERY_HEADER)
    if code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return {"description": " Or: ".join(texts), "headers": headers, "content": _plain_text()}


def _plain_text() -> dict[str, Any]:
    return {"text/plain": {"schema": {"type": "string"}}}


def _name(code: HTTPStatus) -> str:
    return code.phrase.title().replace(" ", "")


def _guarded(route: Route) -> bool:
    return route.path.startswith("/api/")


def _tag(route: Route) -> str:
    return route.handler.__module__.rpartition(".")[2]


def _tags(routes: Iterable[Route]) -> list[dict[str, str]]:
    """Return the groups of routes: the modules their handlers stand in, in the modules' own words; the API first."""
    in_order = sorted(routes, key=_guarded, reverse=True)
    modules = dict.fromkeys((_tag(route), route.handler.__module__) for route in in_order)
    return [{"name": tag, "description": (sys.modules[module].__doc__ or "").strip()} for tag, module in modules]
