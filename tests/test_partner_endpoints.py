"""The settings of partners' endpoints: what is wrong is named with its slug and mend, and no secret is ever shown."""

import json
import traceback
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.settings import Settings
from tests.stack import settings_for

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
UNPADDED = SECRET.rstrip("=")
URL = "https://api.partner.example/racord"


def settings(endpoints: Any, hosts: str = "") -> Settings:
    written = endpoints if isinstance(endpoints, str) else json.dumps(endpoints)
    return settings_for(
        "postgresql://db", "127.0.0.1:1", 1, partner_endpoints=written, partner_private_hosts=hosts
    )


def endpoint(url: str = URL, *secrets: str) -> dict[str, Any]:
    return {"generali": {"url": url, "secrets": secrets or (SECRET,)}}


def test_without_the_setting_no_partner_has_an_endpoint() -> None:
    assert settings_for("postgresql://db", "127.0.0.1:1", 1).partner_endpoints == {}
    assert settings("").partner_endpoints == {}


def test_endpoints_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACORD_PARTNER_ENDPOINTS", json.dumps(endpoint(URL, UNPADDED, SECRET)))
    monkeypatch.setenv("RACORD_PARTNER_PRIVATE_HOSTS", " Partner.Internal, 10.0.0.5 ,[::1]")
    read = settings_for("postgresql://db", "127.0.0.1:1", 1)
    assert read.partner_endpoints["generali"].url == URL
    secrets = [secret.get_secret_value() for secret in read.partner_endpoints["generali"].secrets]
    assert secrets == [UNPADDED, SECRET]
    assert read.partner_private_hosts == ("partner.internal", "10.0.0.5", "::1")


def test_no_secret_shows_when_the_settings_are_printed() -> None:
    assert SECRET not in repr(settings(endpoint()))


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",
     "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwM-_zNDU2Nzg5MDE=", "whsec_șșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșșș",
     " whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"],
)  # fmt: skip
def test_a_wrong_secret_is_refused_with_slug_place_and_mend_and_is_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(endpoint(URL, SECRET, secret))
    (error,) = refused.value.errors()
    assert error["loc"] == ("partner_endpoints",)
    assert "generali" in error["msg"]
    assert "secret 2" in error["msg"]
    assert "openssl rand -base64 32" in error["msg"]
    shown = "".join(traceback.format_exception(refused.value))
    assert SECRET not in shown
    assert not secret.strip() or len(secret) < 8 or secret.strip() not in shown


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "write it as"),
        ({"generali": URL}, "generali"),
        ({"generali": {"url": URL}}, "generali: secrets: Field required"),
        ({"generali": {"url": URL, "secrets": []}}, "generali: secrets"),
        ({"generali": {"secrets": [SECRET]}}, "generali: url: Field required"),
        ({"generali": {"url": URL, "secrets": [SECRET], "scret": 1}}, "generali: scret"),
        (endpoint("api.partner.example"), "https://host/path"),
        (endpoint("ftp://api.partner.example/"), "https://host/path"),
        (endpoint("https:///racord"), "https://host/path"),
        (endpoint("https://api.partner.example:99999/"), "https://host/path"),
        (endpoint("https://api.partner.example/\n"), "is not an address"),
        (endpoint("https://me:pass@api.partner.example/"), "without a user"),
        (endpoint("https://api.partner.example/#here"), "without a user"),
        (endpoint("http://api.partner.example/"), "name api.partner.example in RACORD_PARTNER_PRIVATE_HOSTS"),
    ],
)
def test_a_wrong_endpoint_is_refused_and_says_what_to_write(written: Any, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(written, hosts="partner.example")
    assert [error["loc"] for error in refused.value.errors()] == [("partner_endpoints",)]
    assert said in str(refused.value)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("url", "hosts"),
    [("http://sandbox:9000/", "sandbox"), ("HTTP://Sandbox/", "SANDBOX"), ("http://[0:0::1]:8/", "::1")],
)
def test_without_tls_only_hosts_of_the_list_are_spoken_to(url: str, hosts: str) -> None:
    assert settings(endpoint(url), hosts).partner_endpoints["generali"].url == url


@pytest.mark.parametrize("host", ["sandbox:9000", "https://sandbox", "a@b", "10.0.0.0/8", "a b", "1.2.3.256"])
def test_the_list_takes_hosts_alone(host: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings({}, hosts=host)
    assert [error["loc"] for error in refused.value.errors()] == [("partner_private_hosts",)]
