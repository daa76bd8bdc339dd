"""Who may see and do what, what is noted about it, and evidence."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from skillscoop_disputes.domain.moves import EVIDENCE_LIMIT
from skillscoop_disputes.main import build
from skillscoop_disputes.settings import DisputesSettings
from skillscoop_messages.events import contracts

from tests.integration.disputes.case import ADA, BEN, SAM, SUE, Case
from tests.support.identity import Issuer
from tests.support.one_service import ROOT, on_stage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


async def audited(case: Case) -> list[tuple[str, str]]:
    """Actor and action of every audit row of the dispute, in order."""
    async with case.stage.service.database.read() as tx:
        rows = await tx.all(
            sa.text("SELECT actor, action FROM audit_log WHERE subject = :id ORDER BY id"), {"id": case.dispute_id}
        )
    return [(row["actor"], row["action"]) for row in rows]


async def upload(case: Case, user: str, content: bytes, name: str = "shot.png") -> Any:
    """Send a file as evidence."""
    return await case.do(user, "evidence", files={"file": (name, content, "text/html")})


async def test_support_sees_rows_until_assigned_and_each_look_is_noted(case: Case) -> None:
    await case.open()
    row = await case.see(SUE)
    assert row["state"] == "open"
    assert not {"statement", "desired", "evidence", "milestones", "client_id"} & row.keys()
    queue = (await case.call(SUE, "GET", "/v1/disputes?state=open")).json()["data"]
    assert [set(one) == set(row) for one in queue] == [True]
    assert (await case.call(SUE, "GET", "/v1/disputes?state=closed")).json()["data"] == []
    refused = await case.do(SUE, "notes", {"text": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_assigned")

    await case.call(SAM, "GET", "/v1/disputes")
    await case.done(SUE, "assign", {"agent_id": SAM})
    whole = await case.see(SAM)
    assert whole["statement"]
    assert [one["happened"] for one in whole["history"]] == ["filed", "confirmed", "review_began", "assigned"]
    assert (await case.see(ADA))["history"] is None
    assert (SAM, "dispute.read") in await audited(case)
    assert (SUE, "dispute.read") not in await audited(case)
    assert (await case.call(SUE, "GET", f"/v1/disputes?assigned_to={SAM}")).json()["data"][0]["id"] == case.dispute_id


async def test_every_act_is_audited(case: Case) -> None:
    await case.open()
    await case.done(BEN, "answer", {"statement": "x"})
    await case.propose()
    await case.done(BEN, "proposal/decline")
    assert await audited(case) == [
        (ADA, "dispute.file"),
        ("system", "dispute.confirm"),
        (BEN, "dispute.answer"),
        (SAM, "dispute.assign"),
        (SAM, "dispute.propose"),
        (BEN, "dispute.decline"),
    ]
    async with case.stage.service.database.read() as tx:
        row = await tx.first(sa.text("SELECT * FROM audit_log WHERE action = 'dispute.propose'"))
    assert row is not None
    assert row["reason"] == "Half of it works."
    assert row["request_id"]


async def test_notes_are_for_support_only(case: Case) -> None:
    await case.open()
    await case.done(SAM, "assign")
    noted = await case.do(SAM, "notes", {"text": "Both were calm."})
    assert noted.status_code == 201
    assert [one["text"] for one in noted.json()["notes"]] == ["Both were calm."]
    assert (await case.see(BEN))["notes"] is None


async def test_a_party_is_never_its_own_agent(case: Case) -> None:
    await case.open()
    own = await case.do(ADA, "assign")
    assert (own.status_code, own.json()["code"]) == (403, "support_only")
    with_role = await case.stage.call(ADA, "POST", f"/v1/disputes/{case.dispute_id}/assign", {}, roles=("support",))
    assert with_role.status_code == 403
    given = await case.do(SAM, "assign", {"agent_id": BEN})
    assert (given.status_code, given.json()["code"]) == (403, "party_cannot_be_agent")


async def test_a_case_is_given_only_to_somebody_who_may_work_on_it(case: Case) -> None:
    """Given nobody of support but Sam ever called
    When Sam gives the case to Eve, to a made-up id, or to Sue
    Then each is refused; and accepted for Sue once she called with the role, though not for Eve who called without it.
    """
    await case.open()
    await case.call("eve", "GET", "/v1/disputes")
    for agent in ("eve", "nobody-at-all", SUE):
        refused = await case.do(SAM, "assign", {"agent_id": agent})
        assert refused.status_code == 422, agent
        assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [("/agent_id", "not_an_agent")]
    assert (await case.see(SAM))["state"] == "open"

    await case.call(SUE, "GET", "/v1/disputes")
    await case.done(SAM, "assign", {"agent_id": SUE})
    assert (await case.see(SUE))["statement"]


async def test_neither_party_can_use_up_the_other_sides_evidence(case: Case) -> None:
    """Given the client put as many pieces on file as one may
    When both add another one
    Then the client has reached the limit and the freelancer has not, and `next` says so.
    """
    await case.open()
    for number in range(EVIDENCE_LIMIT):
        assert (await case.do(ADA, "evidence", {"text": f"Piece {number}"})).status_code == 201
    blocked = {
        one["actor"]: one["blocked_reason"] for one in (await case.see(BEN))["next"] if one["action"] == "evidence"
    }
    assert blocked == {"client": "evidence_limit", "freelancer": None}
    refused = await case.do(ADA, "evidence", {"text": "One more"})
    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_limit")
    assert (await case.do(BEN, "evidence", {"text": "My side"})).status_code == 201


async def test_text_and_files_are_evidence_until_review(case: Case) -> None:
    await case.open()
    text = await case.do(ADA, "evidence", {"text": "See the attached picture. Grüße"})
    assert text.status_code == 201
    file = await upload(case, BEN, PNG, "../../etc/passwd\u200b.png")
    assert file.status_code == 201, file.text
    first, second = file.json()["evidence"]
    assert (first["by"], first["type"]) == (ADA, "text/plain; charset=utf-8")
    assert (second["by"], second["type"], second["size"]) == (BEN, "image/png", len(PNG))
    assert second["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert second["name"] == "passwd.png"

    got = await case.call(ADA, "GET", file.headers["location"])
    assert got.content == PNG
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert (await case.call(SUE, "GET", file.headers["location"])).status_code == 404
    assert (await case.call("eve", "GET", file.headers["location"])).status_code == 404

    await case.done(SAM, "assign")
    assert (await case.call(SAM, "GET", file.headers["location"])).content == PNG
    late = await case.do(ADA, "evidence", {"text": "More"})
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "wrong_state", "in_review")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("ශ්\u200dරී.png", "ශ්\u200dරී.png"),
        ("علی\u200cرضا.png", "علی\u200cرضا.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u200d\u200d", "evidence"),
    ],
)
async def test_a_file_keeps_its_name_in_every_language(case: Case, sent: str, kept: str) -> None:
    """Joiners are part of a name; what turns its direction is not, and a name of nothing is none."""
    await case.open()
    file = await upload(case, ADA, PNG, sent)
    assert file.json()["evidence"][0]["name"] == kept


async def test_a_page_of_html_is_only_text(case: Case) -> None:
    await case.open()
    answer = await upload(case, ADA, b"<script>alert(1)</script>", "x.html")
    assert answer.json()["evidence"][0]["type"] == "text/plain; charset=utf-8"


async def test_files_have_a_size(case: Case) -> None:
    await case.open()
    for content, status in ((bytes(1_001), 413), (bytes(40_000), 413), (b"", 422)):
        assert (await upload(case, ADA, content)).status_code == status
    assert (await case.see(ADA))["evidence"] == []


async def test_uploads_of_another_shape_are_refused(case: Case) -> None:
    await case.open()
    assert (await case.do(ADA, "evidence", files={"other": ("a", b"x", "text/plain")})).status_code == 422
    assert (await case.do(ADA, "evidence", files=[("file", ("a", b"x")), ("file", ("b", b"y"))])).status_code == 400
    assert (await case.do(ADA, "evidence", {})).status_code == 422
    assert (await case.do(ADA, "evidence", {"text": "x", "name": "y"})).json()["errors"][0]["pointer"] == "/name"
    raw = await case.do(ADA, "evidence", content=b"hello", headers={"Content-Type": "text/plain"})
    assert raw.status_code == 415


async def test_a_repeated_upload_is_stored_once(case: Case) -> None:
    await case.open()
    path = f"/v1/disputes/{case.dispute_id}/evidence"
    boundary = {"Content-Type": "multipart/form-data; boundary=b"}
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n'
    for replayed in (None, "true"):
        answer = await case.call(ADA, "POST", path, content=body, headers=boundary, key="once")
        assert answer.status_code == 201
        assert answer.headers.get("idempotent-replayed") == replayed
    assert len((await case.see(ADA))["evidence"]) == 1


async def test_moves_of_money_need_a_key(case: Case) -> None:
    await case.open()
    for step in ("propose", "decide", "approve-decision", "proposal/accept"):
        answer = await case.do(SAM, step, {"split": case.split(1), "reasons": "x"}, key="")
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required"), step


async def test_the_same_key_decides_once_and_a_stale_version_not_at_all(case: Case) -> None:
    await case.open()
    await case.propose()
    stale = await case.do(ADA, "proposal/accept", {}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    await case.done(ADA, "proposal/accept", {}, key="ada")
    again = await case.do(ADA, "proposal/accept", {}, key="ada")
    assert again.headers["idempotent-replayed"] == "true"
    other = await case.do(ADA, "proposal/accept", None, key="ada")
    assert other.status_code == 422
    assert (await case.see(BEN))["proposal"]["accepted_by"] == [ADA]


BAD_FORMS: list[tuple[dict[str, Any], str]] = [
    ({"reason": "dislike"}, "/reason"),
    ({"statement": ""}, "/statement"),
    ({"statement": "x" * 5_001}, "/statement"),
    ({"desired": [{"milestone_id": "ms_x", "to_freelancer": -1}]}, "/desired/0/to_freelancer"),
    ({"desired": [{"milestone_id": "ms_x", "to_freelancer": 1.5}]}, "/desired/0/to_freelancer"),
    ({"desired": [{"milestone_id": "ms_x", "to_freelancer": 2**63}]}, "/desired/0/to_freelancer"),
    ({"desired": [{"milestone_id": "ms_x", "to_freelancer": 1}]}, "/desired/0"),
    ({"milestone_ids": []}, "/milestone_ids"),
    ({"milestone_ids": ["ms_unknown"]}, "/milestone_ids/0"),
    ({"refund": True}, "/refund"),
    ({"contract_id": 7}, "/contract_id"),
]


async def test_a_bad_form_is_refused_field_by_field(case: Case) -> None:
    for change, pointer in BAD_FORMS:
        answer = await case.file(**change)
        assert answer.status_code == 422, change
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert not case.stage.said


@pytest.mark.parametrize("named", ["milestone_ids", "desired"])
async def test_a_form_that_comes_before_the_news_of_the_money_may_be_sent_again(case: Case, named: str) -> None:
    """Given money just held of which no event has come yet, when the form is filed, then it may be sent again."""
    late = Case(case.stage, contract_id=case.contract_id)
    share = {"milestone_id": late.first, "to_freelancer": 1_000}
    form: dict[str, Any] = {"milestone_ids": [late.first]} if named == "milestone_ids" else {"desired": [share]}

    early = await case.file(key="the-form", **form)
    assert (early.status_code, early.json()["code"]) == (409, "not_heard_of_yet")
    assert int(early.headers["retry-after"]) > 0

    funded = {**late.work(late.first), "funding_id": "fnd_2", "payment_id": "pay_2", "held": 7_000}
    await case.stage.hear(contracts.MilestoneFunded(**funded))
    again = await case.file(key="the-form", **form)
    assert again.status_code == 201, again.text


async def test_a_split_that_does_not_fit_is_refused_where_it_does_not(case: Case) -> None:
    await case.open()
    await case.done(SAM, "assign")
    answer = await case.do(SAM, "propose", {"split": case.split(7_001), "reasons": "x"})
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [("/split/0", "more_than_held")]


async def test_next_tells_everybody_what_is_open(case: Case) -> None:
    await case.open()
    moves = {(one["actor"], one["action"]) for one in (await case.see(ADA))["next"] if not one["blocked_reason"]}
    assert moves == {
        ("client", "evidence"),
        ("client", "withdraw"),
        ("freelancer", "answer"),
        ("freelancer", "evidence"),
        ("support", "assign"),
    }


async def test_lists_come_in_pages(case: Case) -> None:
    await case.file(milestone_ids=[case.first])
    await case.file(BEN, milestone_ids=[case.second])
    first = (await case.call(ADA, "GET", "/v1/disputes?limit=1")).json()
    rest = (await case.call(ADA, "GET", f"/v1/disputes?limit=1&cursor={first['next_cursor']}")).json()
    assert [one["opened_by"] for one in first["data"] + rest["data"]] == [BEN, ADA]
    assert rest["next_cursor"] is None
    assert (await case.call(BEN, "GET", f"/v1/disputes?cursor={first['next_cursor']}")).status_code == 400


async def test_a_dispute_is_not_withdrawn_and_filed_without_end(sqlite_url: str, keys: Issuer, jwks_file: Path) -> None:
    """Given two withdrawals in thirty days for one contract and party
    When Ada files and withdraws again and again
    Then the third form is refused; Ben files his, and Ada again after the thirty days.
    """
    more = {"rate_limits": "on", "cap_withdrawn_disputes": "2 per 30 day"}
    async with on_stage(build, DisputesSettings, keys, sqlite_url, jwks_file, **more) as stage:
        case = Case(stage)
        await case.fund()
        for _ in range(2):
            assert (await case.file()).status_code == 201
            await case.done(ADA, "withdraw")
        refused = await case.file()
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_withdrawn")
        assert int(refused.headers["retry-after"]) > 86_400
        assert (await case.file(BEN)).status_code == 201
        await case.done(BEN, "withdraw")
        await stage.pass_time(days=31)
        assert (await case.file()).status_code == 201


def test_migrations_match_the_tables(database_url: str) -> None:
    from skillscoop_chassis.migrations import assert_at_head, differences, migrate
    from skillscoop_chassis.tables import METADATA as CHASSIS
    from skillscoop_disputes.tables import METADATA as OWN
    from skillscoop_messages.tables import METADATA as POST

    folder = ROOT / "services" / "disputes" / "migrations"
    migrate(database_url, folder)
    migrate(database_url, folder)
    assert_at_head(database_url, folder)
    assert differences(database_url, [OWN, POST, CHASSIS]) == []
