"""Who may do what: one row for every operation of every service, and a call that succeeds.

The columns of a row say what each of PRINCIPALS is answered about a contract of Ada's and Grace's whose dispute Sue
works on. Commands are sent with a version that is long gone: 412 means that everything before it was in order, so
nothing happens. Where no version is looked at, the command does happen. `-` is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.edges.scenes import Scene
from tests.support.applications import SERVICES

Json = dict[str, Any]
Body = Callable[[Mapping[str, Scene], Scene], Any]

PRINCIPALS: dict[str, str | None] = {
    "anonymous": None,
    "client": "ada",
    "freelancer": "grace",
    "stranger": "mallory",
    "client of another contract": "carol",
    "support without assignment": "sam",
    "assigned agent": "sue",
    "operator": "olga",
    "integrator": "ivan",
}


@dataclass(frozen=True)
class Row:
    """One operation. `who` may do it in `scene` with `body`; `own` are the answers in `seen`, by principal.

    `checks` says whether it looks at If-Match; `values` are path parameters that no scene has.
    """

    own: str
    who: str = "ada"
    scene: str = "reviewed"
    body: Body | None = None
    seen: str = ""
    checks: bool = True
    values: Mapping[str, str] = field(default_factory=dict)

    def expected(self) -> dict[str, int | None]:
        """The status of each principal, None where nobody asks."""
        told = self.own.split()
        assert len(told) == len(PRINCIPALS), self
        return {name: int(one) if one != "-" else None for name, one in zip(PRINCIPALS, told, strict=True)}


def plain(**body: Any) -> Body:
    """A body that depends on nothing."""
    return lambda _all, _scene: body


def _draft(_all: Mapping[str, Scene], _scene: Scene) -> Json:
    line = {"description": "Three drafts", "amount": 12_500, "due_date": "2099-01-31", "criteria": ["It loads."]}
    return {"title": "Landing page", "freelancer_id": "frida", "currency": "usd", "milestones": [line]}


def _terms(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {"title": "A large web shop", **scene.terms()}


def _fund(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {"amount": scene.prices[0], "revision": 1, "method": "checkout", "return_url": "https://app.example/back"}


def _release(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {"amount": scene.prices[0]}


def _form(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {
        "contract_id": scene.contract_id,
        "milestone_ids": scene.milestones,
        "reason": "work_quality",
        "statement": "It does not work.",
        "desired": scene.split(1_000, 0),
    }


def _answer(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {"statement": "It does work.", "desired": scene.split(4_000)}


def _split(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {"split": scene.split(*(price // 2 for price in scene.prices)), "reasons": "Half of it works."}


def _code(every: Mapping[str, Scene], _scene: Scene) -> Json:
    return {"code": every["platform"].more["code"]}


def _message(_all: Mapping[str, Scene], scene: Scene) -> Json:
    return {"message_id": scene.message_id}


POLICY: Json = {
    "fee": {"bps": 250, "fixed": {"usd": 30}},
    "second_approval_amount": {"usd": 200_000},
    "offer_days": 10,
    "revision_days": 6,
    "checkout_minutes": 45,
    "auto_release_days": 0,
    "hold_warning_days": [50, 70],
}

PUBLIC = "200 200 200 200 200 200 200 200 200"
ANYBODY = "401 200 200 200 200 200 200 200 200"
READ = "401 200 200 404 404 404 200 404 404"
PARTIES_READ = "401 200 200 404 404 404 404 404 404"
CLIENT = "401 412 403 404 404 404 404 404 404"
FREELANCER = "401 403 412 404 404 404 404 404 404"
OPERATORS = "401 403 403 403 403 403 403 200 403"
EITHER_PARTY = "401 412 412 404 404 403 403 404 404"
TEAM = "401 403 403 404 404 412 412 404 404"
AGENT = "401 403 403 404 404 403 412 404 404"
UNSIGNED = "400 400 400 400 400 400 400 400 400"

CONTRACTS = {
    "get_milestone": Row(READ),
    "fund_milestone": Row(CLIENT, "ada", "active", _fund, "reviewed"),
    "cancel_funding": Row(CLIENT, "ada", "paying", None, "reviewed"),
    "submit_milestone": Row(
        FREELANCER, "grace", "funded", plain(note="Ready.", links=["https://files.example/1"]), "reviewed"
    ),
    "retract_milestone": Row(FREELANCER, "grace", "submitted", None, "reviewed"),
    "release_milestone": Row(CLIENT, "ada", "funded", _release, "reviewed"),
    "create_contract": Row(ANYBODY.replace("200", "201"), body=_draft, checks=False),
    "list_contracts": Row(ANYBODY),
    "edit_terms": Row(CLIENT, "ada", "draft", _terms, "reviewed"),
    "list_terms": Row(READ),
    "send_contract": Row(CLIENT, "ada", "draft", None, "reviewed"),
    "approve_contract": Row(FREELANCER, "grace", "proposed", plain(revision=1), "reviewed"),
    "decline_contract": Row(FREELANCER, "grace", "proposed", plain(revision=1, reason="Too little."), "reviewed"),
    "request_changes": Row(FREELANCER, "grace", "proposed", plain(revision=1, comment="More time."), "reviewed"),
    "withdraw_contract": Row(CLIENT, "ada", "proposed", None, "reviewed"),
    "complete_contract": Row(CLIENT, "ada", "released", None, "reviewed"),
    "get_contract": Row(READ),
    "get_terms": Row(READ),
    "diff_terms": Row(READ),
    "get_timeline": Row(READ),
    "get_policy": Row(PUBLIC),
    "put_policy": Row(OPERATORS.replace("200", "412"), "olga", body=plain(**POLICY)),
}
PAYMENTS = {
    "get_milestone_payment": Row(PARTIES_READ),
    "list_payments": Row(ANYBODY),
    "get_payment": Row(PARTIES_READ),
    "back_from_provider": Row(PUBLIC),
    "get_ledger": Row(READ),
    "quote": Row(ANYBODY, body=plain(amount=12_500, currency="usd"), checks=False),
    "open_payout_account": Row("401 201 200 201 201 201 201 201 201", "frida", body=plain(country="US"), checks=False),
    "get_my_payout_account": Row("401 404 200 404 404 404 404 404 404", "grace"),
    "make_onboarding_link": Row(
        "401 404 200 404 404 404 404 404 404",
        "grace",
        body=plain(return_url="https://app.example/back", refresh_url="https://app.example/again"),
        checks=False,
    ),
    "list_operations": Row(OPERATORS, "olga"),
    "get_operation": Row(OPERATORS, "olga", "unanswered"),
    "retry_operation": Row(OPERATORS, "olga", "unanswered", plain(reason="It is back."), checks=False),
    "list_alerts": Row(OPERATORS, "olga"),
    "resolve_alert": Row(OPERATORS, "olga", "unanswered", plain(reason="It is settled."), checks=False),
    "get_trial_balance": Row(OPERATORS, "olga"),
    "receive_platform_event": Row(UNSIGNED, checks=False),
    "receive_connect_event": Row(UNSIGNED, checks=False),
    "receive_thin_event": Row(UNSIGNED, checks=False),
}
NOTIFICATIONS = {
    "list_conversations": Row(ANYBODY),
    "get_conversation": Row(READ),
    "list_messages": Row(READ),
    "get_message": Row(READ),
    "post_message": Row("401 201 201 404 404 404 403 404 404", body=plain(text="Tomorrow?"), checks=False),
    "read_conversation": Row("401 200 200 404 404 404 403 404 404", body=_message, checks=False),
    "list_notifications": Row(ANYBODY),
    "count_unread": Row(ANYBODY),
    "read_all_notifications": Row(ANYBODY, checks=False),
    "read_notification": Row("401 412 404 404 404 404 404 404 404", scene="platform"),
    "create_stream_ticket": Row(ANYBODY.replace("200", "201"), checks=False),
    "open_stream": Row("401 - - - - - - - -"),
    "get_contact": Row(ANYBODY),
    "put_contact": Row(
        ANYBODY.replace("200", "412"),
        body=plain(email="grace@mail.example", name="Grace", locale="de-AT", time_zone="Europe/Vienna"),
    ),
    "confirm_contact": Row("401 200 409 409 409 409 409 409 409", body=_code, checks=False),
    "get_preferences": Row(ANYBODY),
    "put_preferences": Row(ANYBODY.replace("200", "412"), body=plain(email={"milestone.funded": True})),
}
DISPUTES = {
    "file_dispute": Row("401 201 201 404 404 404 404 404 404", "ada", "funded", _form, checks=False),
    "list_disputes": Row(ANYBODY),
    "get_dispute": Row("401 200 200 404 404 200 200 404 404"),
    "answer_dispute": Row("401 403 412 404 404 403 403 404 404", "grace", "disputed", _answer, "reviewed"),
    "add_evidence": Row(EITHER_PARTY, "ada", "disputed", plain(text="The mails."), "reviewed"),
    "download_evidence": Row(READ),
    "withdraw_dispute": Row("401 412 403 404 404 403 403 404 404", "ada", "disputed", None, "reviewed"),
    "accept_proposal": Row(EITHER_PARTY, "ada", "proposal", None, "reviewed"),
    "decline_proposal": Row(EITHER_PARTY, "grace", "proposal", None, "reviewed"),
    "assign_dispute": Row(TEAM, "sam", "disputed", plain(agent_id="sue"), "reviewed"),
    "unassign_dispute": Row(TEAM, "sue", "reviewed"),
    "add_note": Row(AGENT, "sue", "reviewed", plain(text="Both were calm.")),
    "propose_split": Row(AGENT, "sue", "reviewed", _split),
    "decide_dispute": Row(AGENT, "sue", "reviewed", _split),
    "approve_decision": Row("401 403 403 404 404 412 403 404 404", "sid", "judged", None, "reviewed"),
    "reject_decision": Row("401 403 403 404 404 412 403 404 404", "sid", "judged", plain(reason="Not so."), "reviewed"),
}
REVIEWS = {
    "put_review": Row(
        PARTIES_READ.replace("200", "412"),
        scene="completed",
        body=plain(rating=4, text="Good work.", aspects={"quality": 5}),
    ),
    "list_contract_reviews": Row(PARTIES_READ),
    "list_user_reviews": Row(PUBLIC),
    "get_user_rating": Row(PUBLIC),
}
EVERYWHERE = {
    f"{service}_{name}": row
    for service in SERVICES
    for name, row in {
        "list_parked": Row(OPERATORS, "olga"),
        "show_parked": Row(OPERATORS, "olga", f"parked {service}"),
        "show_outbox": Row(OPERATORS, "olga"),
        "show_story": Row(OPERATORS, "olga", f"parked {service}"),
        "replay_parked": Row(OPERATORS, "olga", f"parked {service}", checks=False),
        "discard_parked": Row(OPERATORS, "olga", f"parked {service}", plain(reason="Nonsense."), checks=False),
    }.items()
}

TABLE: dict[str, Row] = {**CONTRACTS, **PAYMENTS, **NOTIFICATIONS, **DISPUTES, **REVIEWS, **EVERYWHERE}
