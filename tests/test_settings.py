from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.errors import SettingsError
from recollect.settings import SECRETS, Settings, gather, hide_password, load, redacted


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(environ: dict[str, str] | None = None, file: Path | None = None, **overrides: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(environ or {}, file, overrides)
    return caught.value


def test_defaults() -> None:
    """Nothing given, nothing needed: the server listens on this machine alone, with everything embedded."""
    settings = load({})
    assert (settings.host, settings.port, settings.database_url, settings.auth_required) == (
        "127.0.0.1",
        8000,
        None,
        False,
    )
    assert settings == Settings()


def test_the_process_s_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment of its own, `load` reads the process's."""
    monkeypatch.setenv("RECOLLECT_PORT", "8123")
    assert load().port == 8123


def test_strongest_first(folder: Path) -> None:
    """Command line, RECOLLECT_*, TOML, ZEP_*, config.yaml: each wins over all that follow."""
    (folder / "config.yaml").write_text("server: {port: 1}")
    assert load({}).port == 1
    environ = {"ZEP_SERVER_PORT": "2"}
    assert load(environ).port == 2
    (folder / "recollect.toml").write_text("port = 3")
    assert load(environ).port == 3
    environ |= {"RECOLLECT_PORT": "4"}
    assert load(environ).port == 4
    assert load(environ, None, {"port": "5"}).port == 5
    assert load(environ, None, {"port": None}).port == 4


def test_origins(folder: Path) -> None:
    """For each value that somebody gave, it is known where it stands."""
    (folder / "config.yaml").write_text("data: {purge_every: 1}")
    (folder / "recollect.toml").write_text("workers = 3")
    found = gather({"RECOLLECT_PORT": "4", "ZEP_LOG_LEVEL": "debug"}, None, {"host": "::1"})
    assert {name: value.origin for name, value in found.items()} == {
        "host": "command line",
        "port": "RECOLLECT_PORT",
        "workers": "recollect.toml",
        "log_level": "ZEP_LOG_LEVEL",
        "purge_every": "config.yaml: data.purge_every",
    }


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_named_file_is_the_only_one(folder: Path, by_environment: bool) -> None:  # noqa: FBT001 -- a parameter
    """A file named by --config or RECOLLECT_CONFIG replaces both files of the working directory."""
    (folder / "config.yaml").write_text("server: {port: 1, host: h}")
    (folder / "recollect.toml").write_text("port = 2\nworkers = 5")
    mine, theirs = folder / "mine.toml", folder / "theirs.yml"
    mine.write_text("port = 3")
    theirs.write_text("server: {port: 4}")
    for file, port in ((mine, 3), (theirs, 4)):
        settings = load({"RECOLLECT_CONFIG": str(file)}) if by_environment else load({}, file)
        assert (settings.port, settings.host, settings.workers) == (port, "127.0.0.1", 2)


def test_types(folder: Path) -> None:
    """Text from the environment becomes what the setting is: a number, a flag, a path."""
    settings = load(
        {
            "RECOLLECT_AUTH_REQUIRED": "TRUE",
            "RECOLLECT_AUTH_SECRET": "42",
            "RECOLLECT_SHUTDOWN_GRACE": "1.5",
            "RECOLLECT_DATA_DIR": "here/there",
            "RECOLLECT_ENTITIES": "0",
        }
    )
    assert (settings.auth_required, settings.auth_secret, settings.shutdown_grace, settings.entities) == (
        True,
        "42",
        1.5,
        False,
    )
    assert settings.data_dir == folder / "here" / "there"


def test_home_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A path may begin with `~`."""
    monkeypatch.setenv("HOME", str(folder))
    assert load({"RECOLLECT_DATA_DIR": "~/data"}).data_dir == folder / "data"


def test_empty_is_not_given(folder: Path) -> None:
    """An empty value counts as none, wherever it stands."""
    (folder / "config.yaml").write_text("server: {port: 1, host: }\nauth: {secret: ''}")
    (folder / "recollect.toml").write_text("host = ''")
    environ = {"RECOLLECT_PORT": "", "ZEP_SERVER_PORT": "", "RECOLLECT_CONFIG": "", "RECOLLECT_NONSENSE": ""}
    settings = load(environ)
    assert (settings.port, settings.host, settings.auth_secret) == (1, "127.0.0.1", None)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("PROT", "PORT"), ("DATABASE", "DATABASE_URL"), ("EMBEDDING_DIMENSIONS", "EMBEDDING_"), ("port", "PORT")],
)
def test_unknown_variable(wrong: str, right: str) -> None:
    """A RECOLLECT_* variable that does not exist is refused, and the nearest right name is given."""
    error = refused({f"RECOLLECT_{wrong}": "1"})
    assert f"RECOLLECT_{wrong}" in error.message
    assert f"RECOLLECT_{right}" in error.hint


def test_unknown_key_in_a_file(folder: Path) -> None:
    """A key that does not exist is refused with the file's name and the nearest right one."""
    (folder / "recollect.toml").write_text("message_windows = 3")
    error = refused()
    assert "'message_windows' in recollect.toml" in error.message
    assert "message_window?" in error.hint


def test_unknown_override() -> None:
    """A mistyped override is refused too."""
    assert "prt" in refused(prt=1).message


def test_other_programs_variables() -> None:
    """What does not begin with RECOLLECT_ is nobody's mistake, nor is what the test suite sets for itself."""
    assert load({"RECOLLECTION": "x", "PORT": "1", "RECOLLECT_TEST_PG": "16"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "8000.5"),
        ("auth_required", "maybe"),
        ("max_request_size", "1"),
        ("shutdown_grace", "nan"),
        ("statement_timeout", "inf"),
        ("log_level", "loud"),
        ("embedding_width", "4001"),
        ("embedding_base_url", "localhost:11434"),
        ("database_url", "mysql://h/db"),
        ("language", "english; drop"),
        ("purge_every", "-5"),
        ("workers", "65"),
        ("data_dir", "~no-such-user/x"),
    ],
)
def test_wrong_value(name: str, value: str) -> None:
    """A value of the wrong kind or out of range is refused, with its setting, itself and its origin."""
    error = refused({f"RECOLLECT_{name.upper()}": value})
    assert error.message.startswith(f"{name} = {value} (RECOLLECT_{name.upper()}): ")


@pytest.mark.parametrize(
    "url",
    [
        "postgres://h",
        "postgresql://u:p@h:5432/db?sslmode=require",
        "postgres://u:%2F%3F@[::1]:5432/db",
        "postgresql://a,b:5433,[fe80::1]:1/db",
        "postgresql:///db?host=/run/postgresql",
        "postgresql://recollect@/recollect?host=%2Fvar%2Frun&port=5432",
    ],
)
def test_urls_of_databases(url: str) -> None:
    """Every form of a PostgreSQL URL is taken as it is."""
    assert load({"RECOLLECT_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url", ["postgres://h:port/db", "postgres://u:a/b@h/db", "postgres://u:a#b@h", "postgres://[h/d"]
)
def test_what_is_no_url(url: str) -> None:
    """A URL that could not be read later is refused at once, with a form to follow."""
    assert "postgresql://user:password@host:5432/name" in refused({"RECOLLECT_DATABASE_URL": url}).message


@pytest.mark.parametrize(
    "line", ["port = '80'", "port = true", "entities = 1", "host = 1", "data_dir = 1", "port = [1]"]
)
def test_wrong_type_in_toml(folder: Path, line: str) -> None:
    """A TOML value has a type of its own, which must be the setting's."""
    (folder / "recollect.toml").write_text(line)
    assert "(recollect.toml): Expected" in refused().message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.toml", "port = = 1"),
        ("bad.toml", "\xff"),
        ("bad.yaml", "a: [1"),
        ("bad.yaml", "- 1"),
        ("bad.yaml", "\x00"),
    ],
)
def test_broken_file(folder: Path, name: str, text: str) -> None:
    """A file that cannot be read is refused by its name."""
    (folder / name).write_bytes(text.encode("latin-1"))
    assert str(folder / name) in refused(file=folder / name).message


def test_broken_yaml_is_not_quoted(folder: Path) -> None:
    """The error about a broken file does not repeat the line it is in, which may hold a secret."""
    (folder / "config.yaml").write_text("auth: {secret: hush, required: [}")
    assert "line 1" in refused().message
    assert "hush" not in refused().message


@pytest.mark.parametrize("name", ["missing.toml", "missing.yaml"])
def test_missing_file(folder: Path, name: str) -> None:
    """A file that was named must exist."""
    assert name in refused(file=folder / name).message


@pytest.mark.parametrize("secret", [None, "", "  "])
def test_required_authentication_needs_a_secret(secret: str | None) -> None:
    """With auth_required on and no secret, nothing starts, and the error says what to do."""
    error = refused({"RECOLLECT_AUTH_REQUIRED": "true", "RECOLLECT_AUTH_SECRET": secret or ""})
    assert "auth_secret" in error.message
    assert "RECOLLECT_AUTH_SECRET" in error.hint
    with pytest.raises(SettingsError):
        Settings(auth_required=True, auth_secret=secret)


PROVIDERS = [
    ({"RECOLLECT_LLM_PROVIDER": "anthropic"}, "llm_api_key"),
    ({"RECOLLECT_LLM_PROVIDER": "anthropic", "RECOLLECT_LLM_API_KEY": "k"}, "llm_model"),
    ({"RECOLLECT_LLM_PROVIDER": "azure", "RECOLLECT_LLM_API_KEY": "k", "RECOLLECT_LLM_MODEL": "m"}, "llm_base_url"),
    ({"RECOLLECT_LLM_PROVIDER": "azure", "RECOLLECT_LLM_BASE_URL": "https://a.example"}, "llm_api_key"),
    ({"RECOLLECT_LLM_API_VERSION": "newest"}, "2024-10-21"),
]


@pytest.mark.parametrize(("environ", "named"), PROVIDERS)
def test_language_model_without_its_settings(environ: dict[str, str], named: str) -> None:
    """A provider of language models that lacks a setting is refused with that setting's name; none is none."""
    assert named in refused(environ).message
    assert not load({}).has_language_model


def test_remote_embedding_needs_an_address_or_a_key() -> None:
    """embedding_provider openai alone is refused: there is nobody to ask."""
    assert "embedding_api_key" in refused({"RECOLLECT_EMBEDDING_PROVIDER": "openai"}).message
    environ = {"RECOLLECT_EMBEDDING_PROVIDER": "openai", "RECOLLECT_EMBEDDING_BASE_URL": "http://127.0.0.1:1/v1"}
    assert load(environ).embedding_provider == "openai"


PASSWORDS = [
    ("postgres://u:HUSH@h:5432/db?sslmode=disable", "postgres://u:**redacted**@h:5432/db?sslmode=disable"),
    ("postgresql://u:HUSH@h1:1,h2:2/db", "postgresql://u:**redacted**@h1:1,h2:2/db"),
    ("POSTGRESQL://u:HU@SH@h", "POSTGRESQL://u:**redacted**@h"),
    ("postgres://u:HUSH/?#@h/db", "postgres://u:**redacted**@h/db"),
    ("postgres://u:HUSH@h/?application_name=a@b", "postgres://u:**redacted**@h/?application_name=a@b"),
    ("postgres://u@h/db?password=HUSH&x=1", "postgres://u@h/db?password=**redacted**&x=1"),
    ("postgres://h/db?x=1&p%61ssword=HUSH", "postgres://h/db?x=1&p%61ssword=**redacted**"),
    ("postgres://u@h:5432/db", "postgres://u@h:5432/db"),
    ("postgres:///db?host=/run", "postgres:///db?host=/run"),
    ("postgres:/u:HUSH@h/db", "postgres:**redacted**@h/db"),
    ("u:HUSH@h/db", "u:**redacted**@h/db"),
    ("host=h user=u password=HUSH dbname=d", "host=h user=u password=**redacted** dbname=d"),
    (r"password = 'HU \' SH' host=h", "password = **redacted** host=h"),
    (r"host=h PASSWORD=HU\ SH", "host=h PASSWORD=**redacted**"),
    ("host=h password='HUSH", "host=h password=**redacted**"),
    ("https://me:HUSH@h/v1?api-key=HUSH", "https://me:**redacted**@h/v1?api-key=**redacted**"),
]


@pytest.mark.parametrize(("url", "shown"), PASSWORDS)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    """However a password is spelt into a URL or a DSN, it is hidden, and nothing else is; nor does an error show it."""
    assert hide_password(url) == shown
    for name in ("database_url", "embedding_base_url", "llm_base_url"):
        assert not re.search("HU.*SH", printed(name, url))


def printed(name: str, value: str) -> str:
    """Return all that is ever shown of a setting: itself, or the error about it."""
    try:
        return str(redacted(load({f"RECOLLECT_{name.upper()}": value})))
    except SettingsError as error:
        return error.message


@given(password=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=":/@?#"), min_size=1))
def test_any_password_is_hidden(password: str) -> None:
    """Whatever the password, the URL without it is what is shown."""
    assert hide_password(f"postgres://u:{password}@h/db") == "postgres://u:**redacted**@h/db"


def test_secrets_are_not_shown() -> None:
    """Neither the printed form of the settings nor the redacted one holds a secret; whether there is one shows."""
    settings = msgspec.convert(dict.fromkeys(SECRETS, "HUSH"), Settings)
    for text in (repr(settings), str(settings), f"{settings!r}", json.dumps(redacted(settings))):
        assert "HUSH" not in text
        assert text.count("**redacted**") == len(SECRETS)
    assert redacted(Settings())["auth_secret"] is None


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_wrong_secret_is_not_shown(folder: Path, name: str) -> None:
    """The error about a secret of the wrong kind does not show it."""
    (folder / "recollect.toml").write_text(f"{name} = 987654321")
    assert name in refused().message
    assert "987654321" not in refused().message


def test_redacted_is_json(folder: Path) -> None:
    """The redacted settings have every name and can be written as JSON."""
    shown = redacted(Settings(data_dir=folder))
    assert list(shown) == list(Settings.__struct_fields__)
    assert json.loads(json.dumps(shown))["data_dir"] == str(folder)


def test_settings_cannot_be_changed() -> None:
    """The struct is frozen."""
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]


def test_the_example_in_the_documentation(folder: Path) -> None:
    """The TOML file that settings.md shows is one that loads."""
    page = Path(__file__).parent.parent / "docs" / "settings.md"
    examples = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    for example in examples:
        (folder / "recollect.toml").write_text(example)
        assert load({"RECOLLECT_AUTH_SECRET": "s"}) != Settings()
    assert examples
