"""The sandbox's partners: the real process, spoken to as Racord does; signatures made by the reference library."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from adapters.settings import Settings
from embedded import ports, process
from embedded.home import Home, HomeUnusableError
from embedded.sandbox.keys import VARIABLE, keys_of, new_secret, slugs_in
from embedded.stack import cli

PROJECT = Path(__file__).resolve().parent.parent
OLD, NEW, STRANGERS = new_secret(), new_secret(), new_secret()
SLUGS = [f"partner-{number}" for number in range(150)]
PROVIDER = {"id": "prv_1", "name": "Clinica <Sfânta> Ana"}


def service(code: str, minutes: int = 25, price: str | None = "250.00") -> dict[str, Any]:
    told = {"id": f"svc_{code}", "code": code, "name": f"Ecografie {code}", "duration_minutes": minutes}
    return told if price is None else told | {"price": {"amount": price, "currency": "RON"}}


def body(
    type: str, sequence: int, *services: dict[str, Any], withdrawn: tuple[str, ...] = ()
) -> dict[str, Any]:
    data = {
        "connection": "con_1",
        "provider": PROVIDER,
        "sequence": sequence,
        "services": list(services),
        "withdrawn": [f"svc_{code}" for code in withdrawn],
    }
    return {"type": type, "timestamp": "2026-03-02T08:15:00Z", "data": data}


def signed(id: str, content: str, secret: str = NEW, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, at, content),
        "content-type": "application/json",
    }


@dataclass
class Process:
    """`racord sandbox` in a folder, startable again."""

    folder: Path
    slugs: list[str]
    port: int = field(default_factory=ports.any_free)
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        secrets = {slug: [OLD, NEW] for slug in self.slugs}
        argv = cli("sandbox", "--port", str(self.port), "--dir", str(self.folder / "state"))
        environment = {VARIABLE: json.dumps(secrets), "PYTHONUNBUFFERED": "1"}
        self.running = process.spawn(argv, log=self.folder / "log", env=environment, cwd=PROJECT)
        assert process.wait_until(lambda: ports.listens(self.port), 60), (self.folder / "log").read_text()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.running is not None
        process.end(self.running, how, 20)
        return self.running.returncode


@dataclass
class Partner:
    """One slug of a running sandbox, as Racord sees it."""

    slug: str
    http: httpx2.Client

    def deliver(self, id: str, content: dict[str, Any], **signing: Any) -> httpx2.Response:
        text = json.dumps(content)
        return self.http.post(f"/{self.slug}", content=text, headers=signed(id, text, **signing))

    def ask(self, connection: str = "con_1", **signing: Any) -> httpx2.Response:
        headers = signed("ask_1", "", **signing)
        return self.http.get(f"/{self.slug}", params={"connection": connection}, headers=headers)

    def minutes(self) -> dict[str, int]:
        """What it holds, asked for as the protocol says: minutes by code."""
        return {one["code"]: one["duration_minutes"] for one in self.ask().json()["services"]}

    def order(self, name: str, **fields: Any) -> httpx2.Response:
        return self.http.post(f"/{self.slug}/{name}", json=fields)

    def log(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.http.get(f"/{self.slug}/deliveries").json()["items"]
        return items


def client(port: int) -> httpx2.Client:
    return httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    made = Process(tmp_path_factory.mktemp("sandbox"), SLUGS)
    made.start()
    yield made
    assert made.end() == 0


@pytest.fixture(scope="module")
def fresh() -> Iterator[str]:
    return iter(SLUGS)


@pytest.fixture
def partner(sandbox: Process, fresh: Iterator[str]) -> Iterator[Partner]:
    """One that never heard of anything."""
    with client(sandbox.port) as http:
        yield Partner(next(fresh), http)


SNAPSHOT = body("services.snapshot", 1, service("ECO"), service("RMN", 40))


class TestSignatures:
    @pytest.mark.parametrize("secret", [OLD, NEW], ids=["old", "new"])
    def test_any_of_its_secrets_counts(self, partner: Partner, secret: str) -> None:
        assert partner.deliver("d1", SNAPSHOT, secret=secret).status_code == 200
        assert partner.minutes() == {"ECO": 25, "RMN": 40}

    def test_one_good_signature_among_others_is_enough(self, partner: Partner) -> None:
        text = json.dumps(SNAPSHOT)
        headers = signed("d1", text)
        strange = signed("d1", text, secret=STRANGERS)["webhook-signature"]
        headers["webhook-signature"] = f"{strange} v1a,none {headers['webhook-signature']}"
        assert partner.http.post(f"/{partner.slug}", content=text, headers=headers).status_code == 200

    def test_a_strangers_signature_is_refused_and_nothing_is_noted(self, partner: Partner) -> None:
        assert partner.deliver("d1", SNAPSHOT, secret=STRANGERS).status_code == 401
        assert partner.log() == []
        assert partner.ask(secret=STRANGERS).status_code == 401

    @pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "body"])
    def test_whatever_is_signed_cannot_be_changed(self, partner: Partner, part: str) -> None:
        text = json.dumps(SNAPSHOT)
        headers = signed("d1", text)
        if part == "body":
            text = text.replace("25", "26")
        else:
            headers[part] = headers[part][:-1] + ("2" if headers[part][-1] != "2" else "3")
        assert partner.http.post(f"/{partner.slug}", content=text, headers=headers).status_code == 401

    @pytest.mark.parametrize("off", [timedelta(minutes=-6), timedelta(minutes=6)])
    def test_an_old_or_future_timestamp_is_refused(self, partner: Partner, off: timedelta) -> None:
        assert partner.deliver("d1", SNAPSHOT, at=datetime.now(UTC) + off).status_code == 401

    @pytest.mark.parametrize("absent", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_an_absent_header_is_named(self, partner: Partner, absent: str) -> None:
        text = json.dumps(SNAPSHOT)
        headers = {name: value for name, value in signed("d1", text).items() if name != absent}
        answer = partner.http.post(f"/{partner.slug}", content=text, headers=headers)
        assert answer.status_code == 400
        assert absent in answer.json()["detail"]


class TestDeliveries:
    def test_a_change_touches_only_what_it_tells(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        change = body("services.changed", 2, service("ECO", 30), service("CT"), withdrawn=("RMN",))
        assert partner.deliver("d2", change).json() == {}
        assert partner.minutes() == {"ECO": 30, "CT": 25}
        assert partner.ask().json()["sequence"] == 2

    def test_a_snapshot_replaces_everything(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        partner.deliver("d2", body("services.snapshot", 2, service("CT")))
        assert partner.minutes() == {"CT": 25}

    def test_an_end_empties_the_connection(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        partner.deliver("d2", body("connection.ended", 2, withdrawn=("ECO", "RMN")))
        held = partner.ask()
        assert held.status_code == 200
        assert held.json() == {"connection": "con_1", "sequence": 2, "services": [], "typed_prices": {}}

    def test_it_tells_what_it_holds_as_it_was_told(self, partner: Partner) -> None:
        told = [service("ECO"), service("RMN", price=None)]
        partner.deliver("d1", body("services.snapshot", 7, *told))
        assert partner.ask().json()["services"] == told

    def test_an_unknown_connection_is_not_found(self, partner: Partner) -> None:
        assert partner.ask("con_2").status_code == 404

    def test_a_repetition_is_answered_as_the_first_time_and_done_once(self, partner: Partner) -> None:
        partner.order("behave", mode="reject", services=["RMN"], times=1)
        first = partner.deliver("d1", SNAPSHOT)
        partner.deliver("d2", body("services.changed", 2, service("ECO", 30)))
        again = partner.deliver("d1", SNAPSHOT)
        assert again.json() == first.json()
        assert [one["id"] for one in first.json()["results"]] == ["svc_RMN"]
        assert partner.minutes() == {"ECO": 30}
        assert [(one["id"], one["tries"], one["contradicted"]) for one in partner.log()] == [
            ("d1", 2, 0),
            ("d2", 1, 0),
        ]

    def test_many_repetitions_at_once_are_done_once(self, partner: Partner) -> None:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: partner.deliver("d1", SNAPSHOT), range(40)))
        assert {(one.status_code, one.text) for one in answers} == {(200, "{}")}
        assert [(one["tries"], one["outcome"]) for one in partner.log()] == [(40, "taken")]

    def test_one_id_with_two_contents_is_noted(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        later = SNAPSHOT | {"timestamp": "2026-03-02T09:00:00Z"}
        partner.deliver("d1", later)
        assert partner.log()[0]["contradicted"] == 0
        partner.deliver("d1", body("services.snapshot", 1, service("ECO", 99)))
        assert partner.log()[0]["contradicted"] == 1
        assert partner.minutes()["ECO"] == 25

    @pytest.mark.parametrize("sequence", [4, 5])
    def test_what_is_not_newer_is_answered_and_ignored(self, partner: Partner, sequence: int) -> None:
        partner.deliver("d1", body("services.snapshot", 5, service("ECO")))
        assert partner.deliver("d2", body("services.snapshot", sequence, service("CT"))).status_code == 200
        assert partner.minutes() == {"ECO": 25}
        assert partner.log()[1]["outcome"] == "ignored: older"

    @pytest.mark.parametrize(
        "wrong",
        [
            body("services.replaced", 1),
            body("services.changed", 0),
            body("connection.ended", 1, service("ECO")),
            body("services.changed", 1, service("ECO"), withdrawn=("ECO",)),
            body("services.changed", 1, service("ECO") | {"price": None}),
            body("services.changed", 1, service("ECO") | {"price": {"amount": 250.0, "currency": "RON"}}),
            body("services.changed", 1, service("ECO") | {"duration_minutes": "25"}),
        ],
    )
    def test_what_the_protocol_does_not_allow_is_refused(
        self, partner: Partner, wrong: dict[str, Any]
    ) -> None:
        assert partner.deliver("d1", wrong).status_code == 422
        assert partner.log() == []

    def test_partners_and_connections_do_not_mix(self, partner: Partner, fresh: Iterator[str]) -> None:
        partner.deliver("d1", SNAPSHOT)
        other = Partner(next(fresh), partner.http)
        assert other.ask().status_code == 404
        second = body("services.snapshot", 1, service("CT"))
        second["data"]["connection"] = "con_2"
        partner.deliver("d2", second)
        assert partner.minutes() == {"ECO": 25, "RMN": 40}
        assert partner.http.post("/nobody", content=b"").status_code == 404

    def test_state_survives_a_kill_between_two_deliveries(self, tmp_path: Path) -> None:
        made = Process(tmp_path, ["generali"])
        made.start()
        with client(made.port) as http:
            assert Partner("generali", http).deliver("d1", SNAPSHOT).status_code == 200
        assert made.end(signal.SIGKILL) == -signal.SIGKILL
        made.start()
        with client(made.port) as http:
            again = Partner("generali", http)
            assert again.minutes() == {"ECO": 25, "RMN": 40}
            again.deliver("d1", SNAPSHOT)
            again.deliver("d2", body("services.changed", 2, withdrawn=("ECO",)))
            assert again.minutes() == {"RMN": 40}
            assert [one["tries"] for one in again.log()] == [2, 1]
        assert made.end() == 0


class TestBehaviour:
    def test_it_behaves_until_told_otherwise(self, partner: Partner) -> None:
        partner.order("behave", mode="fail", status=500)
        assert partner.http.get(f"/{partner.slug}/behave").json()["mode"] == "fail"
        assert [partner.deliver("d1", SNAPSHOT).status_code for _ in range(3)] == [500, 500, 500]
        assert partner.ask().status_code == 500
        partner.order("behave", mode="ok")
        assert partner.ask().status_code == 404
        assert partner.deliver("d1", SNAPSHOT).status_code == 200

    def test_only_so_many_deliveries_fail(self, partner: Partner) -> None:
        partner.order("behave", mode="fail", times=2, seconds=120)
        answers = [partner.deliver("d1", SNAPSHOT) for _ in range(3)]
        assert [one.status_code for one in answers] == [503, 503, 200]
        assert answers[0].headers["Retry-After"] == "120"
        assert partner.log()[0]["tries"] == 3

    def test_in_doubt_it_took_what_it_answered_with_an_error(self, partner: Partner) -> None:
        partner.order("behave", mode="fail", after=True, times=1)
        assert partner.deliver("d1", SNAPSHOT).status_code == 503
        assert partner.minutes() == {"ECO": 25, "RMN": 40}
        assert partner.deliver("d1", SNAPSHOT).status_code == 200
        assert [(one["tries"], one["outcome"]) for one in partner.log()] == [(2, "taken")]

    @pytest.mark.parametrize(
        "order", [{"mode": "down"}, {"mode": "hang", "seconds": 0.05}, {"mode": "garbage"}]
    )
    def test_no_proper_answer_comes_and_nothing_is_taken(
        self, partner: Partner, order: dict[str, Any]
    ) -> None:
        partner.order("behave", times=1, **order)
        with pytest.raises(httpx2.RemoteProtocolError):
            partner.deliver("d1", SNAPSHOT)
        assert partner.ask().status_code == 404
        assert partner.log()[0]["outcome"] == "not taken"
        assert partner.deliver("d1", SNAPSHOT).status_code == 200

    def test_hanging_it_never_answers(self, partner: Partner) -> None:
        partner.order("behave", mode="hang", after=True, times=1)
        with client(int(partner.http.base_url.port or 0)) as impatient:
            impatient.timeout = httpx2.Timeout(0.5)
            with pytest.raises(httpx2.ReadTimeout):
                Partner(partner.slug, impatient).deliver("d1", SNAPSHOT)
        assert process.wait_until(lambda: partner.log() != [], 30)
        assert partner.minutes() == {"ECO": 25, "RMN": 40}

    def test_slow_it_takes_and_answers_late(self, partner: Partner) -> None:
        partner.order("behave", mode="slow", seconds=0.3, times=1)
        answer = partner.deliver("d1", SNAPSHOT)
        assert answer.status_code == 200
        assert answer.elapsed >= timedelta(seconds=0.3)
        assert partner.minutes() == {"ECO": 25, "RMN": 40}

    @pytest.mark.parametrize(("mode", "status"), [("gone", 410), ("redirect", 307)])
    def test_gone_and_redirect_take_nothing(self, partner: Partner, mode: str, status: int) -> None:
        partner.order("behave", mode=mode)
        assert partner.deliver("d1", SNAPSHOT).status_code == status
        partner.order("behave", mode="ok")
        assert partner.ask().status_code == 404

    @pytest.mark.parametrize("named", ["RMN", "svc_RMN"])
    def test_a_rejected_service_stays_as_it_was(self, partner: Partner, named: str) -> None:
        partner.deliver("d1", body("services.snapshot", 1, service("RMN", 40)))
        partner.order("behave", mode="reject", services=[named])
        for sequence, type in enumerate(("services.changed", "services.snapshot"), start=2):
            answer = partner.deliver(type, body(type, sequence, service("ECO"), service("RMN", 55)))
            (result,) = answer.json()["results"]
            assert (result["id"], result["status"]) == ("svc_RMN", "rejected")
            assert partner.minutes() == {"RMN": 40, "ECO": 25}

    @pytest.mark.parametrize("named", ["RMN", "svc_RMN"])
    @pytest.mark.parametrize("type", ["services.changed", "connection.ended"])
    def test_a_service_whose_withdrawal_is_rejected_is_held_on(
        self, partner: Partner, named: str, type: str
    ) -> None:
        partner.deliver("d1", SNAPSHOT)
        partner.order("behave", mode="reject", services=[named])
        for sequence in (2, 3):
            answer = partner.deliver(f"d{sequence}", body(type, sequence, withdrawn=("ECO", "RMN", "CT")))
            (result,) = answer.json()["results"]
            assert (result["id"], result["status"]) == ("svc_RMN", "rejected")
            assert partner.minutes() == {"RMN": 40}
        partner.order("behave", mode="ok")
        partner.deliver("d4", body(type, 4, withdrawn=("RMN",)))
        assert partner.minutes() == {}

    def test_told_to_keep_it_takes_an_end_and_goes_on_holding(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        before = partner.minutes()
        partner.order("behave", mode="keep")
        assert partner.deliver("d2", body("connection.ended", 2, withdrawn=("ECO", "RMN"))).json() == {}
        assert partner.minutes() == before
        assert partner.deliver("d3", body("services.changed", 3, withdrawn=("ECO",))).status_code == 200
        assert "ECO" not in partner.minutes()

    def test_told_to_be_mute_it_takes_but_does_not_say_what_it_holds(self, partner: Partner) -> None:
        partner.order("behave", mode="mute", status=401)
        assert partner.deliver("d1", SNAPSHOT).status_code == 200
        assert partner.ask().status_code == 401
        partner.order("behave", mode="ok")
        assert partner.ask().json()["services"]

    def test_told_to_reject_without_names_it_takes_no_service(self, partner: Partner) -> None:
        partner.order("behave", mode="reject")
        assert len(partner.deliver("d1", SNAPSHOT).json()["results"]) == 2
        assert partner.minutes() == {}

    @pytest.mark.parametrize(
        "order", [{"mode": "asleep"}, {"mode": "fail", "status": 200}, {"times": 0}, {"tims": 1}]
    )
    def test_an_order_that_makes_no_sense_is_refused(self, partner: Partner, order: dict[str, Any]) -> None:
        assert partner.order("behave", **order).status_code == 422
        assert partner.http.get(f"/{partner.slug}/behave").json()["mode"] == "ok"


class TestDrift:
    def test_forgetting_loses_state_and_what_was_taken_but_not_the_log(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        partner.order("forget")
        assert partner.ask().status_code == 404
        assert partner.log()[0]["outcome"] == "forgotten"
        partner.deliver("d1", SNAPSHOT)
        assert partner.minutes() == {"ECO": 25, "RMN": 40}

    def test_tampering_changes_one_service_without_a_delivery(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        price = {"amount": "1.00", "currency": "EUR"}
        assert partner.order("tamper", service="ECO", duration_minutes=99, price=price).status_code == 204
        held = {one["code"]: one for one in partner.ask().json()["services"]}
        assert held == {"ECO": service("ECO", 99) | {"price": price}, "RMN": service("RMN", 40)}
        partner.order("tamper", service="svc_RMN", price=None)
        assert "price" not in {one["code"]: one for one in partner.ask().json()["services"]}["RMN"]
        assert partner.order("tamper", service="CT", duration_minutes=9).status_code == 404

    def test_typed_prices_lie_beside_the_services_until_the_end(self, partner: Partner) -> None:
        partner.deliver("d1", body("services.snapshot", 1, service("ECO", price=None)))
        price = {"amount": "120.00", "currency": "RON"}
        partner.order("prices", connection="con_1", prices={"ECO": price, "CT": price})
        partner.order("prices", connection="con_1", prices={"CT": None})
        assert partner.ask().json()["typed_prices"] == {"ECO": price}
        assert "price" not in partner.ask().json()["services"][0]
        partner.deliver("d2", body("connection.ended", 2))
        assert partner.ask().json()["typed_prices"] == {}


class TestPages:
    def test_the_call_centre_sees_names_minutes_and_prices_escaped(self, partner: Partner) -> None:
        partner.deliver("d1", SNAPSHOT)
        page = partner.http.get(f"/{partner.slug}/")
        assert "Clinica &lt;Sfânta&gt; Ana" in page.text
        assert "250.00 RON" in page.text
        assert "<Sfânta>" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "<script" not in page.text
        assert f'href="/{partner.slug}/"' in partner.http.get("/").text

    def test_a_button_gives_an_order_and_leads_back(self, partner: Partner) -> None:
        address = f"/{partner.slug}/behave"
        form = {"mode": "reject", "seconds": "", "services": "ECO, RMN", "times": "2", "after": "on"}
        assert partner.http.post(address, data=form).headers["location"] == f"/{partner.slug}/"
        told = partner.http.get(address).json()
        assert (told["mode"], told["services"], told["times"], told["after"]) == (
            "reject",
            ["ECO", "RMN"],
            2,
            True,
        )

    def test_the_clerks_form_types_a_price_in_and_takes_it_away(self, partner: Partner) -> None:
        partner.deliver("d1", body("services.snapshot", 1, service("ECO", price=None)))
        form = {"connection": "con_1", "code": "ECO", "amount": "99.50", "currency": "RON"}
        for amount, typed in (("99.50", {"ECO": {"amount": "99.50", "currency": "RON"}}), ("", {})):
            partner.http.post(f"/{partner.slug}/prices", data=form | {"amount": amount})
            assert partner.ask().json()["typed_prices"] == typed

    @pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example:8090"}])
    def test_another_web_page_gives_no_orders(self, partner: Partner, headers: dict[str, str]) -> None:
        answer = partner.http.post(f"/{partner.slug}/behave", json={"mode": "down"}, headers=headers)
        assert answer.status_code in (403, 421)
        assert partner.http.get(f"/{partner.slug}/behave").json()["mode"] == "ok"


class TestSettingUp:
    @pytest.mark.parametrize(
        "secrets", ["", "{", "[]", '{"generali": []}', '{"generali": ["whsec_c2hvcnQ="]}', '{"A b": []}']
    )
    def test_wrong_secrets_are_refused_and_not_repeated(self, secrets: str) -> None:
        with pytest.raises(ValueError, match=r"\w+") as refused:
            keys_of(secrets)
        assert "c2hvcnQ" not in str(refused.value)

    def test_without_secrets_nothing_starts_and_one_line_says_why(self, tmp_path: Path) -> None:
        argv = cli("sandbox", "--port", str(ports.any_free()), "--dir", str(tmp_path / "state"))
        done = subprocess.run(argv, cwd=PROJECT, text=True, capture_output=True, env={}, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f"racord: {VARIABLE}: ")
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "state").exists()

    def test_every_playbook_shipped_has_a_partner_here(self) -> None:
        assert set(slugs_in(PROJECT / "partners")) == {"europ-assistance", "generali", "global-assistance"}

    def test_a_home_makes_secrets_once_and_tells_both_sides(self, tmp_path: Path) -> None:
        numbers = {ports.API: 8000} | dict(ports.PREFERRED)
        first = Home.open(tmp_path).environment(numbers, "postgresql://")
        home = Home.open(tmp_path)
        endpoints = json.loads(home.environment(numbers, "postgresql://")["RACORD_PARTNER_ENDPOINTS"])
        assert endpoints == json.loads(first["RACORD_PARTNER_ENDPOINTS"])
        assert endpoints["generali"]["url"] == f"http://127.0.0.1:{numbers['sandbox']}/generali"
        told = json.loads(home.sandbox_environment()[VARIABLE])
        assert told == {slug: one["secrets"] for slug, one in endpoints.items()}
        assert len(keys_of(json.dumps(told))["generali"][0]) == 32
        (kept,) = tmp_path.glob("sandbox-secrets*")
        assert kept.stat().st_mode & 0o077 == 0

    def test_an_older_home_gains_what_it_lacks_and_keeps_what_it_has(self, tmp_path: Path) -> None:
        (tmp_path / "sandbox-secrets.json").write_text(json.dumps({"generali": [OLD]}))
        told = json.loads(Home.open(tmp_path).sandbox_environment()[VARIABLE])
        assert told["generali"] == [OLD]
        assert set(told) == set(slugs_in(PROJECT / "partners"))
        (tmp_path / "ports.json").write_text(json.dumps({"api": 8000, "smtp": ports.any_free()}))
        assert "sandbox" in ports.choose(tmp_path / "ports.json", None)

    def test_a_stack_of_before_the_sandbox_has_no_endpoints(self, tmp_path: Path) -> None:
        numbers = {name: port for name, port in ports.PREFERRED.items() if name != "sandbox"}
        environment = Home.open(tmp_path).environment({ports.API: 8000, **numbers}, "postgresql://")
        assert environment["RACORD_PARTNER_ENDPOINTS"] == "{}"

    def test_spoilt_secrets_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "sandbox-secrets.json").write_text("{")
        with pytest.raises(HomeUnusableError, match="sandbox-secrets"):
            Home.open(tmp_path)

    def test_racords_settings_accept_where_the_sandbox_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        numbers = {ports.API: 8000} | dict(ports.PREFERRED)
        for name, value in Home.open(tmp_path).environment(numbers, "postgresql://").items():
            monkeypatch.setenv(name, value)
        assert set(Settings().partner_endpoints) == set(slugs_in(PROJECT / "partners"))

    def test_the_callers_own_endpoints_win(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(os.environ, "RACORD_PARTNER_ENDPOINTS", "{}")
        numbers = {ports.API: 8000} | dict(ports.PREFERRED)
        assert Home.open(tmp_path).environment(numbers, "postgresql://")["RACORD_PARTNER_ENDPOINTS"] == "{}"
