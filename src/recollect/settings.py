from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints
from urllib.parse import unquote_plus

import msgspec
from msgspec import Meta

from recollect.errors import SettingsError

Url = Annotated[str, Meta(pattern="^https?://[^\\s]+$")]
HOST = r"(\[[0-9a-fA-F:.%]+\]|[^\[\]:,/?#@]*)(:[0-9]{1,5})?"
Dsn = Annotated[str, Meta(pattern=rf"^postgres(ql)?://([^/?#]*@)?{HOST}(,{HOST})*([/?#]|$)")]
Width = Annotated[int, Meta(ge=8, le=4000)]

SUMMARY_SLOT, MESSAGES_SLOT = "{{.PrevSummary}}", "{{.MessagesJoined}}"
"""Where a template of summaries takes the last summary and the messages after it."""
SLOTS_HINT = f"A template is a text, or the path of a file with one, that holds {SUMMARY_SLOT} and {MESSAGES_SLOT}."


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that an operator can choose, checked. `docs/settings.md` is held to this table by a test."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 picks a free one.")] = 8000
    socket: Annotated[Path | None, Meta(description="Unix socket to listen on instead of a port.")] = None
    until_unused: Annotated[bool, Meta(description="End with the last program that holds the socket.")] = False
    max_request_size: Annotated[int, Meta(ge=1024, le=2**30, description="Largest request body, in bytes.")] = 5242880
    shutdown_grace: Annotated[float, Meta(ge=0, le=3600, description="Seconds given to requests at the end.")] = 30.0
    auth_required: Annotated[bool, Meta(description="Ask for a token on every API route.")] = False
    auth_secret: Annotated[str | None, Meta(description="Secret that tokens are signed with.")] = None
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level to log.")] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"], Meta(description="How to log; auto: text on a terminal, else JSON.")
    ] = "auto"

    data_dir: Annotated[Path | None, Meta(description="Folder of the embedded PostgreSQL.")] = None
    postgres_binaries: Annotated[Path | None, Meta(description="Folder with other PostgreSQL programs to embed.")] = (
        None
    )
    database_url: Annotated[Dsn | None, Meta(description="PostgreSQL to use instead of the embedded one.")] = None
    database_pool_size: Annotated[int, Meta(ge=1, le=200, description="Connections of one process.")] = 16
    statement_timeout: Annotated[float, Meta(ge=0.1, le=3600, description="Seconds one statement may take.")] = 10.0

    message_window: Annotated[int, Meta(ge=1, le=100_000, description="Recent messages that memory holds.")] = 12
    purge_every: Annotated[int, Meta(ge=0, le=525_600, description="Minutes between purges; 0: never.")] = 60
    language: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$", description="Full text configuration.")] = (
        "english"
    )
    serve_hybrid_for_similarity: Annotated[
        bool, Meta(description="Answer a `similarity` search with the better `hybrid` one.")
    ] = False

    workers: Annotated[int, Meta(ge=0, le=64, description="Jobs of each kind that are run at once; 0: none.")] = 2
    embed_messages: Annotated[bool, Meta(description="Make messages searchable by meaning.")] = True
    embed_documents: Annotated[bool, Meta(description="Make documents searchable by meaning.")] = True
    embedding_provider: Annotated[
        Literal["local", "openai", "none"], Meta(description="What turns text into vectors.")
    ] = "local"
    embedding_model: Annotated[str | None, Meta(description="Model of the provider.")] = None
    embedding_width: Annotated[Width | None, Meta(description="Numbers in a vector.")] = None
    embedding_base_url: Annotated[Url | None, Meta(description="Base of an OpenAI-compatible API.")] = None
    embedding_api_key: Annotated[str | None, Meta(description="Key for that API.")] = None
    embedding_folder: Annotated[Path | None, Meta(description="Folder with the local model's files.")] = None
    embedding_threads: Annotated[int, Meta(ge=1, le=64, description="Threads of the local model.")] = 1

    summaries: Annotated[bool, Meta(description="Summarise what leaves the window; needs a language model.")] = True
    entities: Annotated[bool, Meta(description="Find the people, places and things that messages name.")] = True
    intents: Annotated[bool, Meta(description="Note what a message wants; needs a language model.")] = True
    llm_base_url: Annotated[Url | None, Meta(description="Base of an OpenAI-compatible API.")] = None
    llm_api_key: Annotated[str | None, Meta(description="Key for that API.")] = None
    llm_model: Annotated[str, Meta(description="Language model to ask.")] = "gpt-4o-mini"
    llm_timeout: Annotated[float, Meta(ge=1, le=3600, description="Seconds to wait for its answer.")] = 60.0
    llm_context_tokens: Annotated[
        int, Meta(ge=2048, le=10_000_000, description="Tokens that a question and its answer may have together.")
    ] = 8192
    llm_concurrency: Annotated[int, Meta(ge=1, le=256, description="Questions asked of it at once.")] = 4

    summary_prompt: Annotated[
        str | None, Meta(description="Template to summarise with: its text, or the path of a file.")
    ] = None

    def __post_init__(self) -> None:
        if self.auth_required and not (self.auth_secret or "").strip():
            raise SettingsError(
                "auth_required is on, but auth_secret is empty",
                hint="Set RECOLLECT_AUTH_SECRET to a long random text, then make tokens with `recollect token`.",
            )
        if self.until_unused and self.socket is None:
            raise SettingsError("until_unused is on, but socket is not set", hint="Say which socket to listen on.")
        if self.embedding_provider == "openai" and not (self.embedding_api_key or self.embedding_base_url):
            raise SettingsError(
                "embedding_provider is openai, but neither embedding_api_key nor embedding_base_url is set",
                hint="Set one of them, or choose embedding_provider local.",
            )

        template = self.summary_template
        for slot in (SUMMARY_SLOT, MESSAGES_SLOT):
            if template is not None and slot not in template:
                raise SettingsError(f"wrong summary prompt format: summary_prompt holds no {slot}", hint=SLOTS_HINT)

    @property
    def summary_template(self) -> str | None:
        """The operator's own template, read from its file if it is one. Raises SettingsError."""
        given = self.summary_prompt
        if given is None or "{{" in given or "\n" in given:
            return given
        try:
            return Path(given).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, RuntimeError) as error:
            lacks = f"summary_prompt = {given[:100]}: holds no {SUMMARY_SLOT}, and as a file it cannot be read"
            raise SettingsError(f"{lacks}: {error}", hint=SLOTS_HINT) from error

    @property
    def has_language_model(self) -> bool:
        """Whether there is a language model to ask: one needs a key, or an address of its own."""
        return bool(self.llm_base_url or self.llm_api_key)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in redacted(self).items())})"


SECRETS = frozenset({"auth_secret", "embedding_api_key", "llm_api_key"})
HIDDEN = "**redacted**"
FORMS = {
    "database_url": "postgresql://user:password@host:5432/name, special characters written as %40 and the like",
    "embedding_base_url": "https://host/v1",
    "llm_base_url": "https://host/v1",
    "language": "english, in small letters",
}
"""What to write, where the pattern that a value must match tells an operator little."""
TYPES: dict[str, Any] = get_type_hints(Settings, include_extras=True)
NOWHERE: Mapping[str, object] = MappingProxyType({})


class Given(NamedTuple):
    """A value as somebody wrote it, not yet checked."""

    value: object
    origin: str
    strict: bool = False
    """Whether the source has types of its own, so that a number in quotes is a mistake."""


def load(
    environ: Mapping[str, str] | None = None, file: Path | None = None, overrides: Mapping[str, object] = NOWHERE
) -> Settings:
    """Read the settings once: `overrides` win over RECOLLECT_*, over the file, over what a Zep server was given.

    `environ` is the process's own when None; an override of None is one that was not given.
    Raises SettingsError, which names the setting and where its value came from.
    """
    given = gather(environ, file, overrides)
    return Settings(**{name: _checked(name, value) for name, value in given.items()})


def gather(
    environ: Mapping[str, str] | None = None, file: Path | None = None, overrides: Mapping[str, object] = NOWHERE
) -> dict[str, Given]:
    """Find the strongest value of each setting that anybody gave; the arguments are those of `load`."""
    environ = os.environ if environ is None else environ  # noqa: TID251 -- the one place that reads it
    file = file or (Path(environ["RECOLLECT_CONFIG"]) if environ.get("RECOLLECT_CONFIG") else None)
    toml, yaml = (file, file) if file else (Path("recollect.toml"), Path("config.yaml"))
    found = _from_zep(environ, yaml if yaml.suffix in {".yaml", ".yml"} and (file or yaml.is_file()) else None)
    if toml.suffix not in {".yaml", ".yml"} and (file or toml.is_file()):
        found |= _from_toml(toml)
    found |= _from_environ(environ)
    named = {name: Given(value, "command line") for name, value in overrides.items() if value is not None}
    _refuse_unknown(named, "command line")
    return found | named


def _from_environ(environ: Mapping[str, str]) -> dict[str, Given]:
    """Read RECOLLECT_*; RECOLLECT_TEST_* is left to the test suite."""
    mine = {
        name: value
        for name, value in environ.items()
        if name.startswith("RECOLLECT_") and not name.startswith("RECOLLECT_TEST_") and value
    }
    mine.pop("RECOLLECT_CONFIG", None)
    for name in mine:
        if name.removeprefix("RECOLLECT_").lower() not in TYPES or not name.isupper():
            nearest = _nearest_setting(name.removeprefix("RECOLLECT_").lower()).upper()
            raise SettingsError(f"unknown setting {name} in the environment", hint=f"Did you mean RECOLLECT_{nearest}?")
    return {name.removeprefix("RECOLLECT_").lower(): Given(value, name) for name, value in mine.items()}


def _from_toml(file: Path) -> dict[str, Given]:
    """Read `recollect.toml`: the settings by their names, on the top level."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from error
    _refuse_unknown(table, str(file))
    return {name: Given(value, str(file), strict=True) for name, value in table.items() if value != ""}


def _refuse_unknown(names: Mapping[str, object], origin: str) -> None:
    for name in names:
        if name not in TYPES:
            raise SettingsError(
                f"unknown setting {name!r} in {origin}", hint=f"Did you mean {_nearest_setting(name.lower())}?"
            )


def _nearest_setting(name: str) -> str:
    return max(TYPES, key=lambda known: difflib.SequenceMatcher(None, name, known).ratio())


def _checked(name: str, given: Given) -> Any:
    """Convert a value to its setting's type."""
    try:
        return msgspec.convert(given.value, TYPES[name], strict=given.strict, dec_hook=_to_path)
    except msgspec.ValidationError as error:
        hide = hide_password if name.endswith("_url") else str
        shown = HIDDEN if name in SECRETS else hide(str(given.value))
        reason = f"Expected the form {FORMS[name]}" if name in FORMS else str(error)
        raise SettingsError(f"{name} = {shown} ({given.origin}): {reason}") from error


def _to_path(_type: type, value: object) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError(f"Expected a path, got `{type(value).__name__}`")  # noqa: TRY004 -- msgspec names the field
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:  # a ~ with no home to stand for
        raise ValueError(str(error)) from error


EMBEDDINGS = ("extractors.messages.embeddings", "extractors.documents.embeddings")
ZEP_KEYS = {
    "server.host": "host",
    "server.port": "port",
    "server.max_request_size": "max_request_size",
    "auth.required": "auth_required",
    "auth.secret": "auth_secret",
    "log.level": "log_level",
    "store.postgres.dsn": "database_url",
    "memory.message_window": "message_window",
    "data.purge_every": "purge_every",
    "extractors.messages.embeddings.enabled": "embed_messages",
    "extractors.documents.embeddings.enabled": "embed_documents",
    "extractors.messages.summarizer.enabled": "summaries",
    "extractors.messages.entities.enabled": "entities",
    "extractors.messages.intent.enabled": "intents",
}
"""Zep's settings that mean the same here."""
ZEP_MODEL_KEYS = (
    "llm.service",
    "llm.model",
    "llm.openai_api_key",
    "llm.anthropic_api_key",
    "llm.openai_endpoint",
    "llm.azure_openai_endpoint",
    "llm.azure_openai.llm_deployment",
    "llm.azure_openai.embedding_deployment",
    "custom_prompts.summarizer_prompts.openai",
    "custom_prompts.summarizer_prompts.anthropic",
    *(f"{extractor}.{key}" for extractor in EMBEDDINGS for key in ("service", "dimensions")),
)
"""Zep's settings that together say which models to ask."""
ZEP_SHORT_NAMES = {"ZEP_LLM_OPENAI_API_KEY": "ZEP_OPENAI_API_KEY", "ZEP_LLM_ANTHROPIC_API_KEY": "ZEP_ANTHROPIC_API_KEY"}
ZEP_LEVELS = {"trace": "debug", "warn": "warning", "fatal": "error", "panic": "error"}
ZEP_PLACEHOLDER_DSN = "postgres://postgres:postgres@localhost:5432/?sslmode=disable"
ANTHROPIC = "https://api.anthropic.com/v1/"


def _from_zep(environ: Mapping[str, str], file: Path | None) -> dict[str, Given]:
    """Translate what a Zep server was given: ZEP_* over its `config.yaml`."""
    tree = _zep_file(file) if file else {}
    keys: dict[str, Given] = {}
    for key in (*ZEP_KEYS, *ZEP_MODEL_KEYS, "development"):
        name = f"ZEP_{key.upper().replace('.', '_')}"
        name = ZEP_SHORT_NAMES.get(name, name)
        if environ.get(name):
            keys[key] = Given(environ[name], name)
        elif (value := _zep_value(tree, key)) and value != ZEP_PLACEHOLDER_DSN:
            keys[key] = Given(value, f"{file}: {key}")
    found = {setting: keys[key] for key, setting in ZEP_KEYS.items() if key in keys}
    if level := keys.get("log.level"):
        text = str(level.value).lower()
        known = text if text in {"debug", "info", "warning", "error"} else ZEP_LEVELS.get(text, "info")
        found["log_level"] = level._replace(value=known)
    if (development := keys.get("development")) and str(development.value).lower() in {"1", "t", "true"}:
        found["log_level"] = development._replace(value="debug")
    return found | _zep_language_model(keys) | _zep_embedding_model(keys)


def _zep_file(file: Path) -> object:
    import yaml  # noqa: PLC0415 -- only those who come from Zep wait for it

    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:  # its own text would quote the line, and with it perhaps a secret
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SettingsError(f"cannot read the settings file {file}: {error.problem} in line {line}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from error
    if not isinstance(tree, dict | None):
        raise SettingsError(f"cannot read the settings file {file}: no settings on its top level")
    return tree


def _zep_value(tree: object, key: str) -> str:
    """Return what stands at `a.b.c`, as text; empty when nothing does."""
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return "" if tree is None or isinstance(tree, dict | list) else str(tree)


def _zep_language_model(keys: Mapping[str, Given]) -> dict[str, Given]:
    """Work out which language model Zep was told to ask, and where."""
    if (service := keys.get("llm.service")) and str(service.value).lower() == "anthropic":
        there: dict[str, Given | None] = {
            "llm_base_url": service._replace(value=ANTHROPIC),
            "llm_api_key": keys.get("llm.anthropic_api_key"),
            "llm_model": keys.get("llm.model"),
            "summary_prompt": keys.get("custom_prompts.summarizer_prompts.anthropic"),
        }
    else:
        there = {
            "llm_base_url": _azure(keys) or keys.get("llm.openai_endpoint"),
            "llm_api_key": keys.get("llm.openai_api_key"),
            "llm_model": (_azure(keys) and keys.get("llm.azure_openai.llm_deployment")) or keys.get("llm.model"),
            "summary_prompt": keys.get("custom_prompts.summarizer_prompts.openai"),
        }
    return {setting: given for setting, given in there.items() if given}


def _zep_embedding_model(keys: Mapping[str, Given]) -> dict[str, Given]:
    """Work out what Zep embedded with; without a key or an address, the local model stays."""
    extractor = next((extractor for extractor in EMBEDDINGS if f"{extractor}.service" in keys), None)
    base_url, key = _azure(keys) or keys.get("llm.openai_endpoint"), keys.get("llm.openai_api_key")
    if extractor is None or keys[f"{extractor}.service"].value != "openai" or not (base_url or key):
        return {}
    there = {
        "embedding_provider": keys[f"{extractor}.service"],
        "embedding_base_url": base_url,
        "embedding_api_key": key,
        "embedding_width": keys.get(f"{extractor}.dimensions"),
        "embedding_model": (_azure(keys) and keys.get("llm.azure_openai.embedding_deployment"))
        or keys[f"{extractor}.service"]._replace(value="text-embedding-ada-002"),
    }
    return {setting: given for setting, given in there.items() if given}


def _azure(keys: Mapping[str, Given]) -> Given | None:
    """Return the OpenAI-compatible base of an Azure resource."""
    endpoint = keys.get("llm.azure_openai_endpoint")
    return endpoint and endpoint._replace(value=str(endpoint.value).rstrip("/") + "/openai/v1/")


def redacted(settings: Settings) -> dict[str, object]:
    """Return the settings by name, ready for JSON, with nothing in them that must stay secret."""
    values: dict[str, object] = msgspec.to_builtins(settings, enc_hook=str)
    for name, value in values.items():
        if name in SECRETS:
            values[name] = value and HIDDEN
        elif isinstance(value, str) and name.endswith("_url"):
            values[name] = hide_password(value)
    return values


SECRET_PARAMETERS = frozenset({"password", "sslpassword", "key", "api_key", "api-key", "apikey", "token"})


def hide_password(text: str) -> str:
    """Hide the passwords of a URL, in front of the host or among the parameters, or of a `key=value` DSN."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        text = re.sub(r":[^@]*@", f":{HIDDEN}@", text)
        value = r"'(?:[^'\\]|\\.)*(?:'|$)|(?:\\.|\S)+"
        return re.sub(rf"(?i)\b((?:ssl)?password\s*=\s*)(?:{value})", rf"\1{HIDDEN}", text)
    # An @ or ? that somebody forgot to escape belongs to the password.
    end = rest.rfind("@", 0, rest.find("?")) if "?" in rest else rest.rfind("@")
    end = end if end >= 0 else rest.rfind("@")
    user, colon, _ = rest[: max(end, 0)].partition(":")
    address, mark, query = rest[max(end, 0) :].partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    parameters = [
        f"{name}={HIDDEN}" if unquote_plus(name).lower() in SECRET_PARAMETERS else name + equals + value
        for name, equals, value in pairs
    ]
    return f"{scheme}://{user}{colon}{HIDDEN if colon else ''}{address}{mark}{'&'.join(parameters)}"
