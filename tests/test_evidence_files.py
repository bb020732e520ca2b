"""Evidence files: what is kept, how it is named, who gets it, and that another's word is recorded only with one."""

import hashlib
import io
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.database.session import Database
from adapters.evidence_files import LARGEST, EvidenceFiles, media_type_of
from adapters.evidence_names import safe_name
from adapters.settings import Settings
from domain.errors import Invalid, RacordError
from domain.facts import ChannelFacts
from domain.model import Party
from domain.steps.attest import Attest
from domain.steps.base import StepRecord, StepView
from domain.steps.confirm import ConfirmOnBehalf, RejectOnBehalf
from domain.steps.joint_test import JointTestStep
from tests.catalogue_client import Client, serving
from tests.connections import go_live
from tests.playbooks import playbook
from tests.stack import PDF, Stack, settings_for
from tests.test_journey import EVIDENCE, Journey

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20
MAIL = b"From: ana@clinic.example\r\nDate: Mon, 2 Mar 2026 10:00:00 +0200\r\nSubject: Da\r\n\r\nDa, de acord.\r\n"
RECEIVED = b"Received: from a.example by b.example; Mon, 2 Mar 2026 10:00:00 +0200\nTo: a@b.example\n\nYes.\n"
REFUSED = {
    "nothing": b"",
    "text": b"We agree.\n",
    "page": b"<!doctype html><script>alert(1)</script>",
    "page with fields behind it": b"<html>\nFrom: a@b.example\nDate: today\n\n",
    "program": b"\x7fELF\x02\x01\x01",
    "archive": b"PK\x03\x04",
    "picture that can run": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "fields that are no mail's": b"Subject: hello\nTo: you\n\nbody",
    "mail without a date": b"From: a@b.example\n\nbody",
    "mail that begins in the middle": b" folded\nFrom: a@b.example\nDate: today\n\n",
    "mail with bytes of a program": b"From: a@b.example\nDate: today\n\n\0\0",
    "PDF behind something else": b"GIF89a%PDF-1.7",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
def files(folder: Path) -> EvidenceFiles:
    return EvidenceFiles(folder)


def everything_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# --- the files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "application/pdf"),
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (MAIL, "message/rfc822"),
        (RECEIVED, "message/rfc822"),
    ],
)
def test_what_is_accepted_is_told_by_its_content(files: EvidenceFiles, content: bytes, kind: str) -> None:
    kept = files.keep(io.BytesIO(content))
    assert (kept.media_type, kept.size) == (kind, len(content))
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert files.read(kept.sha256) == content


@pytest.mark.parametrize("what", REFUSED)
def test_anything_else_is_refused_with_what_is_accepted(
    files: EvidenceFiles, folder: Path, what: str
) -> None:
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(REFUSED[what]))
    assert refused.value.reason == "wrong-file-type"
    assert all(kind in refused.value.detail for kind in ("PDF", "e-mail", "PNG", "JPEG"))
    assert everything_in(folder) == []


def test_a_file_may_have_twenty_megabytes_and_not_one_byte_more(files: EvidenceFiles, folder: Path) -> None:
    largest = PDF.ljust(LARGEST, b" ")
    kept = files.keep(io.BytesIO(largest))
    assert kept.size == LARGEST
    with pytest.raises(Invalid) as refused:
        files.keep(io.BytesIO(largest + b" "))
    assert (refused.value.reason, "20 MB" in refused.value.detail) == ("file-too-large", True)
    assert [path.name for path in everything_in(folder)] == [kept.sha256]


def test_the_same_content_is_one_file_and_uploading_it_again_mends_a_damaged_one(
    files: EvidenceFiles, folder: Path
) -> None:
    kept = files.keep(io.BytesIO(PDF))
    (path,) = everything_in(folder)
    path.write_bytes(b"%PDF-rotten")
    with pytest.raises(RacordError) as damaged:
        files.read(kept.sha256)
    assert damaged.value.reason == "evidence-damaged"
    assert files.keep(io.BytesIO(PDF)) == kept
    assert everything_in(folder) == [path]
    assert files.read(kept.sha256) == PDF


def test_only_its_owner_can_read_the_folder(files: EvidenceFiles, folder: Path) -> None:
    files.keep(io.BytesIO(PDF))
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))} == {0}


def test_any_bytes_are_kept_as_they_are_or_refused() -> None:
    """A head is never taken for a mail or a document by accident, and never breaks the reader."""
    dice = random.Random(5)
    for _ in range(2000):
        head = dice.randbytes(dice.randrange(200))
        with pytest.raises(Invalid):
            media_type_of(head)


KILLED_WHILE_WRITING = """
import io, os, signal, sys
from pathlib import Path
from adapters.evidence_files import EvidenceFiles
class Source(io.BytesIO):
    def read(self, size=-1):
        if self.tell() > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(size)
EvidenceFiles(Path(sys.argv[1])).keep(Source(b"%PDF-1.7" + b"x" * 1_000_000))
"""


def test_what_a_kill_leaves_behind_is_never_served_and_does_no_harm(
    files: EvidenceFiles, folder: Path
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = everything_in(folder)
    assert left.name.startswith(".unfinished-")
    for name in (hashlib.sha256(left.read_bytes()).hexdigest(), left.name):
        with pytest.raises(RacordError):
            files.read(name)
    kept = files.keep(io.BytesIO(PDF))
    assert files.read(kept.sha256) == PDF


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Contract.pdf", "Contract.pdf"),
        ("Contract.PDF", "Contract.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\ana\\act adițional.pdf", "act adițional.pdf"),
        ("/etc/cron.d/x", "x.pdf"),
        ("contract.exe", "contract.exe.pdf"),
        ("fdp.\u202egpj.pdf", "fdp. gpj.pdf"),
        ('a"; filename=evil.exe\r\nX: y.pdf', 'a"; filename=evil.exe X: y.pdf'),
        (".htaccess", "htaccess.pdf"),
        ("..", "evidence.pdf"),
        ("", "evidence.pdf"),
        ("\ud800\0", "evidence.pdf"),
        ("x" * 500 + ".pdf", "x" * 115 + ".pdf"),
    ],
)
def test_a_name_leads_nowhere_hides_nothing_and_ends_as_its_content(said: str, kept: str) -> None:
    assert safe_name(said, "application/pdf") == kept


# --- over HTTP -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def api(database: Database, settings_here: Settings) -> AsyncIterator[Client]:
    async with serving(settings_here, database) as client:
        yield client


@pytest.fixture
def settings_here(postgres_url: str, folder: Path) -> Settings:
    return settings_for(postgres_url, "127.0.0.1:1", 1, evidence_dir=folder)


@pytest.fixture
async def place(api: Client) -> str:
    """The address of an onboarding's evidence."""
    return f"/onboardings/{(await go_live(api.database)).onboarding_id}/evidence"


async def upload(
    api: Client, place: str, content: bytes = PDF, /, name: str = "Contract.pdf", **headers: str
) -> httpx2.Response:
    files = {"file": (name, content, "text/html")}
    return await api.ask("POST", place, files=files, headers=headers)


async def test_a_file_is_uploaded_listed_told_in_the_history_and_downloaded(api: Client, place: str) -> None:
    answer = await upload(api, place, name="act adițional „1”.pdf")
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1{place}/{made['id']}")
    assert (made["media_type"], made["size"], made["name"]) == (
        "application/pdf", len(PDF), "act adițional „1”.pdf",
    )  # fmt: skip
    assert (made["sha256"], made["uploaded_by"]["name"]) == (hashlib.sha256(PDF).hexdigest(), "Ana Manager")
    assert (await api.call("GET", place))["items"] == [made]
    found = await api.ask("GET", f"{place}/{made['id']}")
    assert (found.content, found.headers["content-type"]) == (PDF, "application/pdf")
    assert found.headers["content-disposition"] == (
        'attachment; filename="act adi_ional _1_.pdf"; '
        "filename*=UTF-8''act%20adi%C8%9Bional%20%E2%80%9E1%E2%80%9D.pdf"
    )
    assert (found.headers["x-content-type-options"], found.headers["cache-control"]) == (
        "nosniff", "no-store",
    )  # fmt: skip


async def test_what_is_refused_changes_nothing(api: Client, place: str, folder: Path) -> None:
    for content, code in ((b"<html>", "wrong-file-type"), (PDF.ljust(LARGEST + 1), "file-too-large")):
        answer = await upload(api, place, content)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    bare: tuple[dict[str, Any], ...] = (
        {"json": {}},
        {"data": {"file": "x"}},
        {"files": {"other": ("a.pdf", PDF)}},
    )
    for more in bare:
        answer = await api.ask("POST", place, **more)
        assert (answer.status_code, answer.json()["code"]) == (422, "no-file")
    assert (await api.call("GET", place))["items"] == []
    assert everything_in(folder) == []


async def test_a_list_of_files_has_pages(api: Client, place: str) -> None:
    ids = [(await upload(api, place, name=f"{n}.pdf")).json()["id"] for n in range(5)]
    found, cursor = [], None
    while True:
        page = await api.call("GET", place, params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        found += [one["id"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == ids[::-1]


async def test_two_names_of_one_content_are_two_entries_and_one_file(
    api: Client, place: str, folder: Path
) -> None:
    for name in ("a.pdf", "b.pdf"):
        await upload(api, place, name=name)
    assert [one["name"] for one in (await api.call("GET", place))["items"]] == ["b.pdf", "a.pdf"]
    assert len(everything_in(folder)) == 1


async def test_the_same_upload_with_the_same_key_is_one_whatever_its_boundary(
    api: Client, place: str
) -> None:
    once = {"idempotency-key": "once"}
    first, again = [await upload(api, place, PDF, "a.pdf", **once) for _ in range(2)]
    assert (first.json(), again.headers["idempotent-replay"]) == (again.json(), "true")
    other = await upload(api, place, PNG, "a.pdf", **once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert len((await api.call("GET", place))["items"]) == 1


async def test_a_damaged_or_missing_file_is_never_served(api: Client, place: str, folder: Path) -> None:
    made = (await upload(api, place)).json()
    (path,) = everything_in(folder)
    for harm in (lambda: path.write_bytes(PDF[:-1] + b"!"), lambda: path.write_bytes(b""), path.unlink):
        harm()
        answer = await api.ask("GET", f"{place}/{made['id']}")
        assert (answer.status_code, answer.json()["code"]) == (500, "evidence-damaged")
        assert b"%PDF" not in answer.content


async def test_a_key_reaches_the_evidence_of_its_own_provider_and_through_its_own_onboarding(
    api: Client, place: str
) -> None:
    made = (await upload(api, place)).json()
    live = await go_live(api.database)
    other = f"/onboardings/{live.onboarding_id}/evidence"
    foreign = await api.key("provider", live.provider_id)
    for path in (place, f"{place}/{made['id']}"):
        await api.problem("GET", path, expect=404, **foreign)
    await api.problem("GET", f"{other}/{made['id']}", expect=404)
    assert (await api.call("GET", other, **foreign))["items"] == []
    for role, status in (("provider", 403), ("viewer", 403), ("manager", 404)):
        key = await api.key(role, live.provider_id)
        refused = await upload(api, place, authorization=key["headers"]["Authorization"])
        assert refused.status_code == status
    viewer = await api.key("viewer")
    assert (await api.ask("GET", f"{place}/{made['id']}", **viewer)).content == PDF


# --- on behalf -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [ConfirmOnBehalf, RejectOnBehalf])
def test_the_schema_of_a_body_on_behalf_wants_the_file_and_old_histories_do_without(body: Any) -> None:
    schema = body.model_json_schema()
    assert "evidence" in schema["required"]
    evidence = schema["$defs"]["FiledEvidence"]
    assert evidence["required"] == ["document", "date", "file"]
    assert (evidence["properties"]["file"]["type"], evidence["properties"]["file"]["format"]) == (
        "string", "evidence",
    )  # fmt: skip
    old = {"document": "Call", "date": "2026-03-02"}
    whose = {"party": "partner", "name": "Ana"}
    said = body.model_validate({"evidence": old, "on_behalf_of": whose, **_reason(body)})
    assert said.evidence.file is None


@pytest.mark.parametrize("body", [ConfirmOnBehalf, RejectOnBehalf])
def test_the_schema_of_the_partners_word_takes_no_other_party_and_old_histories_do(body: Any) -> None:
    party = body.model_json_schema()["$defs"]["OnBehalfOfPartner"]["properties"]["party"]
    assert party == {"const": "partner", "title": "Party", "type": "string"}
    said = body.model_validate({**behalf("evd_1"), **_reason(body)})
    assert said.on_behalf_of.party == "provider"


def _reason(body: Any) -> dict[str, str]:
    return {"reason": "Not yet"} if body is RejectOnBehalf else {}


def test_the_schemas_of_a_joint_test_and_of_a_contract_say_it_too() -> None:
    step = playbook().step("joint_test")
    assert isinstance(step, JointTestStep)
    view = StepView(record=StepRecord(key=step.key), facts=ChannelFacts(), now=datetime.now(UTC))
    recorded = [action.body for action in step.actions(view) if action.allowed_for == (Party.US,)]
    wanted = [
        body.model_json_schema()["$defs"] for body in recorded if body and "on_behalf_of" in body.model_fields
    ]
    assert [one["FiledEvidence"]["required"] for one in wanted] == [["document", "date", "file"]]
    contract = Attest.model_json_schema()
    assert contract["then"]["properties"]["evidence"]["required"] == ["file"]
    assert "file" not in contract["$defs"]["Evidence"]["required"]


@pytest.fixture
async def journey(stack: Stack) -> Journey:
    return await Journey(stack, "generali").begin()


def behalf(file: str | None, party: str = "provider") -> dict[str, Any]:
    evidence = {**EVIDENCE["evidence"], **({"file": file} if file else {})}
    return {"evidence": evidence, "on_behalf_of": {"party": party, "name": "Dr. Pop"}}


async def test_on_behalf_is_refused_without_a_file_of_this_very_onboarding(
    stack: Stack, journey: Journey
) -> None:
    path = f"/onboardings/{journey.id}/steps/contract/complete"
    bare = await stack.call("POST", path, expect=422, json=behalf(None))
    assert (bare["code"], bare["errors"][0]["field"]) == ("evidence-needed", "evidence.file")
    assert f"POST /api/v1/onboardings/{journey.id}/evidence" in bare["mend"]
    other = await Journey(stack, "generali").begin()
    strange = await stack.call("POST", path, expect=422, json=behalf(await stack.evidence(other.id)))
    assert strange["code"] == "evidence-unknown"
    assert (await journey.see())["steps"][0]["state"] == "waiting"
    file = await stack.evidence(journey.id)
    await stack.call("POST", path, json=behalf(file))
    seen = await stack.step(journey.id, "contract", "done")
    assert seen["steps"][0]["result"]["evidence"]["file"] == file


async def test_a_program_that_knows_only_the_actions_finds_where_to_send_the_file(
    stack: Stack, journey: Journey
) -> None:
    (action,) = (one for one in (await journey.see())["steps"][0]["actions"] if one["name"] == "complete")
    file = action["schema"]["$defs"]["Evidence"]["properties"]["file"]
    assert (file["format"], file["x-upload"]) == ("evidence", f"/api/v1/onboardings/{journey.id}/evidence")


async def test_only_the_partners_word_is_recorded_as_the_partners_and_a_no_keeps_its_evidence_in_the_history(
    stack: Stack, journey: Journey
) -> None:
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await stack.step(journey.id, "settings", "waiting")
    body = {"reason": "Their system is down.", "on_behalf_of": {"party": "partner", "name": "Mihai Pop"}}
    path = f"/onboardings/{journey.id}/steps/settings/reject"
    assert (await stack.call("POST", path, expect=422, json=body))["code"] == "evidence-needed"
    filed = behalf(await stack.evidence(journey.id, MAIL, "no.eml"))["evidence"]
    clinics = {"evidence": filed, "on_behalf_of": {"party": "provider", "name": "Dr. Pop"}}
    for action, said in (("complete", clinics), ("reject", {**body, **clinics})):
        other = f"/onboardings/{journey.id}/steps/settings/{action}"
        refused = await stack.call("POST", other, expect=422, json=said)
        assert refused["detail"] == "Only the partner can confirm or refuse this."
    await stack.call("POST", path, json={**body, "evidence": filed})
    events = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
    told = next(event for event in events if event["type"] == "step.reject")
    assert (told["data"]["evidence"], told["on_behalf_of"]) == (filed, "Mihai Pop")
    assert told["actor"]["name"] == "tests"
