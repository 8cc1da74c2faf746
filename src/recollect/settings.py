from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import unquote_plus

import msgspec
from msgspec import Meta

from recollect.errors import SettingsError
from recollect.settings_of_zep import Given, from_zep

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
    llm_provider: Annotated[
        Literal["openai", "azure", "anthropic"], Meta(description="Whose API the language model answers.")
    ] = "openai"
    llm_base_url: Annotated[Url | None, Meta(description="Base of that API, or the endpoint of an Azure resource.")] = (
        None
    )
    llm_api_key: Annotated[str | None, Meta(description="Key for that API.")] = None
    llm_model: Annotated[str | None, Meta(description="Model to ask, or the name of a deployment on Azure.")] = None
    llm_api_version: Annotated[
        str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$", description="Version of Azure's API.")
    ] = "2024-10-21"
    llm_timeout: Annotated[float, Meta(ge=1, le=3600, description="Seconds to wait for an answer.")] = 60.0
    llm_concurrency: Annotated[int, Meta(ge=1, le=256, description="Questions asked at once by one process.")] = 4
    llm_context_tokens: Annotated[
        int, Meta(ge=2048, le=10_000_000, description="Tokens that a question and its answer may have together.")
    ] = 8192
    llm_reasoning_tokens: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Tokens that the model may think for, beside its answer.")
    ] = 0

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
        self._check_language_model()
        template = self.summary_template
        for slot in (SUMMARY_SLOT, MESSAGES_SLOT):
            if template is not None and slot not in template:
                raise SettingsError(f"wrong summary prompt format: summary_prompt holds no {slot}", hint=SLOTS_HINT)

    def _check_language_model(self) -> None:
        needed = {"azure": ("llm_base_url", "llm_api_key", "llm_model"), "anthropic": ("llm_api_key", "llm_model")}
        for name in needed.get(self.llm_provider, ()):
            if not getattr(self, name):
                raise SettingsError(
                    f"llm_provider is {self.llm_provider}, but {name} is not set",
                    hint=f"Set RECOLLECT_{name.upper()}, or leave llm_provider out to do without a language model.",
                )

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
    "llm_api_version": "2024-10-21",
    "language": "english, in small letters",
}
"""What to write, where the pattern that a value must match tells an operator little."""
TYPES: dict[str, Any] = get_type_hints(Settings, include_extras=True)
NOWHERE: Mapping[str, object] = MappingProxyType({})


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
    found = from_zep(environ, yaml if yaml.suffix in {".yaml", ".yml"} and (file or yaml.is_file()) else None)
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
