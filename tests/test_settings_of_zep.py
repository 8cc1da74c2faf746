from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from recollect.errors import SettingsError
from recollect.settings import Settings, load

ZEP_CONFIG = """
llm:
  service: "openai"
  model: "gpt-4o-mini"
  azure_openai_endpoint:
  openai_endpoint:
nlp:
  server_url: "http://localhost:5557"
memory:
  message_window: 20
extractors:
  documents:
    embeddings: {enabled: true, chunk_size: 200, dimensions: 384, service: "local"}
  messages:
    summarizer:
      enabled: false
      entities: {enabled: true}
      embeddings: {enabled: true, dimensions: 384, service: "local"}
    entities: {enabled: true}
    intent: {enabled: false}
    embeddings: {enabled: true, dimensions: 384, service: "local"}
store:
  type: "postgres"
  postgres:
    dsn: "postgres://postgres:postgres@localhost:5432/?sslmode=disable"
server:
  host: 0.0.0.0
  port: 9000
  web_enabled: true
  max_request_size: 1048576
auth:
  required: false
  secret: "do-not-use-this-secret-in-production"
data:
  purge_every: 15
log:
  level: "warn"
opentelemetry:
  enabled: false
development: false
custom_prompts:
  summarizer_prompts:
    openai: |
      Review the current summary: {{.PrevSummary}}
      The new lines: {{.MessagesJoined}}
"""
"""What a Zep server's file looks like, with some values of an operator's own."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_wrong_value_of_zep(folder: Path) -> None:
    """A Zep server's value that cannot be read is named by Zep's own key."""
    (folder / "config.yaml").write_text("server: {port: eighty}")
    with pytest.raises(SettingsError, match=r"^port = eighty \(config.yaml: server.port\)"):
        load({})
    with pytest.raises(SettingsError, match=r"^port = ninety \(ZEP_SERVER_PORT\)"):
        load({"ZEP_SERVER_PORT": "ninety"})


def test_zep_s_file(folder: Path) -> None:
    """A Zep server's config.yaml is understood as it is; unknown keys and the DSN it was shipped with are ignored."""
    (folder / "config.yaml").write_text(ZEP_CONFIG)
    expected = msgspec.structs.replace(
        Settings(),
        host="0.0.0.0",
        port=9000,
        max_request_size=1048576,
        message_window=20,
        purge_every=15,
        log_level="warning",
        summaries=False,
        intents=False,
        llm_model="gpt-4o-mini",
        auth_secret="do-not-use-this-secret-in-production",
        summary_prompt="Review the current summary: {{.PrevSummary}}\nThe new lines: {{.MessagesJoined}}\n",
    )
    assert load({}) == expected


def test_zep_s_variables() -> None:
    """ZEP_* count without a file, the two short names among them, and so does the shipped DSN once it is set."""
    dsn = "postgres://postgres:postgres@localhost:5432/?sslmode=disable"
    settings = load(
        {
            "ZEP_STORE_POSTGRES_DSN": dsn,
            "ZEP_OPENAI_API_KEY": "sk-1",
            "ZEP_AUTH_SECRET": "s",
            "ZEP_AUTH_REQUIRED": "true",
            "ZEP_MEMORY_MESSAGE_WINDOW": "5",
            "ZEP_EXTRACTORS_MESSAGES_EMBEDDINGS_ENABLED": "false",
            "ZEP_LLM_OPENAI_ENDPOINT": "http://127.0.0.1:1/v1",
            "ZEP_LLM_MODEL": "gpt-4",
            "ZEP_WHATEVER": "x",
        }
    )
    assert settings == Settings(
        database_url=dsn,
        llm_api_key="sk-1",
        auth_secret="s",
        auth_required=True,
        message_window=5,
        embed_messages=False,
        llm_base_url="http://127.0.0.1:1/v1",
        llm_model="gpt-4",
    )


def test_a_dsn_in_zep_s_file(folder: Path) -> None:
    """A DSN that an operator wrote into config.yaml is used as it is, parameters included."""
    (folder / "config.yaml").write_text("store: {postgres: {dsn: 'postgres://zep:p@db:5432/zep?sslmode=require'}}")
    assert load({}).database_url == "postgres://zep:p@db:5432/zep?sslmode=require"


@pytest.mark.parametrize(
    ("level", "ours"),
    [("WARN", "warning"), ("trace", "debug"), ("fatal", "error"), ("nonsense", "info"), ("error", "error")],
)
def test_zep_s_levels(level: str, ours: str) -> None:
    """Zep's levels become ours; one that does not exist is info, as it was there."""
    assert load({"ZEP_LOG_LEVEL": level}).log_level == ours
    assert load({"ZEP_LOG_LEVEL": level, "ZEP_DEVELOPMENT": "true"}).log_level == "debug"


def test_zep_s_openai_embeddings(folder: Path) -> None:
    """Where Zep let OpenAI embed, so do we, with the same model and width; without a key the local model stays."""
    (folder / "config.yaml").write_text(
        "extractors: {messages: {embeddings: {service: openai, dimensions: 1536}},"
        " documents: {embeddings: {service: local}}}"
    )
    settings = load({"ZEP_OPENAI_API_KEY": "sk-1"})
    assert (settings.embedding_provider, settings.embedding_model, settings.embedding_width) == (
        "openai",
        "text-embedding-ada-002",
        1536,
    )
    assert (settings.embedding_api_key, settings.embedding_base_url) == ("sk-1", None)
    assert load({}).embedding_provider == "local"


def test_zep_s_azure() -> None:
    """An Azure resource is reached by the names of its deployments; for vectors through its OpenAI-compatible base."""
    settings = load(
        {
            "ZEP_LLM_AZURE_OPENAI_ENDPOINT": "https://mine.example/",
            "ZEP_OPENAI_API_KEY": "k",
            "ZEP_LLM_AZURE_OPENAI_LLM_DEPLOYMENT": "chat",
            "ZEP_LLM_AZURE_OPENAI_EMBEDDING_DEPLOYMENT": "vectors",
            "ZEP_EXTRACTORS_DOCUMENTS_EMBEDDINGS_SERVICE": "openai",
        }
    )
    assert (settings.llm_provider, settings.llm_api_key) == ("azure", "k")
    assert (settings.llm_base_url, settings.llm_model) == ("https://mine.example/", "chat")
    assert (settings.embedding_base_url, settings.embedding_model) == ("https://mine.example/openai/v1/", "vectors")


def test_zep_s_deployment_is_named_like_its_model() -> None:
    """A deployment without a name of its own is called what the model is called."""
    environ = {"ZEP_LLM_AZURE_OPENAI_ENDPOINT": "https://mine.example/", "ZEP_OPENAI_API_KEY": "k"}
    assert load(environ | {"ZEP_LLM_MODEL": "gpt-4"}).llm_model == "gpt-4"


def test_zep_s_anthropic() -> None:
    """With Anthropic as the service, it is asked with its own key, not OpenAI's."""
    environ = {"ZEP_LLM_SERVICE": "anthropic", "ZEP_ANTHROPIC_API_KEY": "a", "ZEP_OPENAI_API_KEY": "o"}
    settings = load(environ | {"ZEP_LLM_MODEL": "claude"})
    assert (settings.llm_provider, settings.llm_api_key, settings.llm_model) == ("anthropic", "a", "claude")
    assert settings.llm_base_url is None


@pytest.mark.parametrize(
    "environ",
    [{"ZEP_LLM_SERVICE": "anthropic"}, {"ZEP_LLM_AZURE_OPENAI_ENDPOINT": "https://mine.example/"}, {}],
    ids=["anthropic", "azure", "openai"],
)
def test_zep_s_model_without_a_key(environ: dict[str, str]) -> None:
    """A configuration that named a model without the key to it starts, and does without a language model."""
    assert not load(environ | {"ZEP_LLM_MODEL": "gpt-4o-mini"}).has_language_model
