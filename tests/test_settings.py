"""Settings come from the environment, are described and documented, and hold no secret of their own."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from adapters.settings import Settings
from tests.stack import settings_for

PROJECT = Path(__file__).resolve().parent.parent
NAMES = sorted(Settings.model_fields)
REQUIRED = sorted(name for name, field in Settings.model_fields.items() if field.is_required())
SECRETS = ("secret_keys", "smtp_password", "database_url")


def variable(name: str) -> str:
    return f"RACORD_{name.upper()}"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(variable(name), raising=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    assert len(Settings.model_fields[name].description or "") > 10


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_documented_for_operators(name: str) -> None:
    documented = (PROJECT / "docs" / "operations.md").read_text()
    assert re.search(rf"\b{variable(name)}\b", documented), f"describe {variable(name)} in docs/operations.md"


def test_the_documentation_names_no_setting_that_there_is_not() -> None:
    named = set(re.findall(r"\bRACORD_[A-Z_]+\b", (PROJECT / "docs" / "operations.md").read_text()))
    assert named - {variable(name) for name in NAMES} <= {"RACORD_HOME"}


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_has_a_default(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.is_required() or field.default is None


def test_secrets_do_not_show_when_the_settings_are_printed() -> None:
    key, password = "k" * 40, "hunter2hunter2"
    settings = settings_for("postgresql://db", "127.0.0.1:1", 1, secret_keys=(key,), smtp_password=password)
    assert isinstance(settings.smtp_password, SecretStr)
    assert key not in repr(settings)
    assert password not in repr(settings)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "database_url": "postgresql://db", "temporal_address": "127.0.0.1:7233", "public_url": "http://racord.localhost",
        "secret_keys": "x" * 32, "smtp_host": "127.0.0.1", "mail_from": "a@b.example", "support_email": "c@d.example",
        "evidence_dir": "/evidence",
    }  # fmt: skip
    assert sorted(values) == REQUIRED, "a required setting came or went: name it here"
    for other, value in values.items():
        if other != name:
            monkeypatch.setenv(variable(other), value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


@pytest.mark.parametrize("keys", ["", "short", f"{'x' * 32},short"])
def test_a_short_or_missing_key_is_refused(keys: str) -> None:
    with pytest.raises((ValidationError, SettingsError)):
        settings_for("postgresql://db", "127.0.0.1:1", 1, secret_keys=keys)


def test_keys_are_read_from_one_variable_the_first_of_them_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable("secret_keys"), f" {'n' * 32} , {'o' * 32},")
    settings = settings_for("postgresql://db", "127.0.0.1:1", 1, secret_keys=f" {'n' * 32} , {'o' * 32},")
    assert [key.get_secret_value() for key in settings.secret_keys] == ["n" * 32, "o" * 32]
