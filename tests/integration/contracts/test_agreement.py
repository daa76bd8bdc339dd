"""Terms: drafting, proposing, answering, changing. The last approved ones always stay in force."""

from datetime import UTC, datetime, timedelta

from skillscoop_messages.events import contracts as told
from skillscoop_messages.ids import new_id

from tests.integration.contracts.contracts_service import ADA, BEN, EVE, ContractsService, actions, stated


async def test_a_draft_is_the_clients_and_the_freelancer_sees_its_title_only(service: ContractsService) -> None:
    contract = await service.draft(12_500, 5_000)

    assert (contract["state"], contract["revision"], contract["version"]) == ("draft", 1, 1)
    assert [one["position"] for one in contract["milestones"]] == [1, 2]
    assert contract["milestones"][0]["amount"] == {"amount": 12_500, "currency": "usd"}
    assert contract["policy"]["offer_days"] == 14
    assert actions(contract) == {"terms", "send"}
    created = service.last(told.ContractCreated)
    assert (created.client_id, created.freelancer_id, created.currency) == (ADA, BEN, "usd")

    seen = await service.contract(contract["id"], BEN)
    assert (seen["title"], seen["milestones"], seen["terms_hash"]) == ("A new checkout", [], None)
    assert (await service.get(BEN, f"/v1/milestones/{contract['milestones'][0]['id']}")).status_code == 404
    assert (await service.get(BEN, f"/v1/contracts/{contract['id']}/terms")).json()["data"] == []
    assert (await service.get(BEN, f"/v1/contracts/{contract['id']}/terms/1")).status_code == 404
    assert len((await service.get(ADA, f"/v1/contracts/{contract['id']}/terms")).json()["data"]) == 1


async def test_what_nobody_could_agree_to_is_refused_field_by_field(service: ContractsService) -> None:
    yesterday = (datetime.now(UTC) - timedelta(hours=12, days=1)).date().isoformat()  # noqa: DTZ - the day is the point
    good = {"description": "Part", "amount": 5_000}

    async def refused(**changes: object) -> list[tuple[str, str]]:
        body = {"title": "A job", "freelancer_id": BEN, "currency": "usd", "milestones": [good], **changes}
        answer = await service.post(ADA, "/v1/contracts", body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["code"] == "invalid_request"
        return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]

    assert await refused(freelancer_id=ADA) == [("/freelancer_id", "freelancer_is_client")]
    assert await refused(currency="xxx") == [("/currency", "currency_unknown")]
    assert await refused(currency="USD") == [("/currency", "malformed")]
    assert await refused(milestones=[]) == [("/milestones", "too_few")]
    assert await refused(milestones=[good] * 51) == [("/milestones", "too_many")]
    assert await refused(milestones=[{**good, "amount": 49}]) == [("/milestones/0/amount", "amount_too_small")]
    assert await refused(milestones=[{**good, "amount": 100_000_000}]) == [("/milestones/0/amount", "out_of_range")]
    assert await refused(milestones=[{**good, "due_date": yesterday}]) == [("/milestones/0/due_date", "due_date_past")]
    assert await refused(milestones=[{**good, "due_date": "2030-02-30"}]) == [("/milestones/0/due_date", "malformed")]
    assert await refused(milestones=[{**good, "id": new_id("ms")}]) == [("/milestones/0/id", "unknown_field")]
    assert await refused(currency="kwd", milestones=[{**good, "amount": 5_001}]) == [
        ("/milestones/0/amount", "amount_step")
    ]
    assert await refused(title="") == [("/title", "too_short")]
    assert await refused(title="x" * 201) == [("/title", "too_long")]
    assert service.stage.heard() == [one for one in service.stage.heard() if not isinstance(one, told.ContractCreated)]


async def test_terms_are_sent_and_approved(service: ContractsService) -> None:
    contract = await service.proposed(12_500)
    assert contract["state"] == "proposed"
    proposed = service.last(told.TermsProposed)
    assert (proposed.revision, proposed.previous_revision, proposed.total) == (1, None, 12_500)
    assert actions(contract, "freelancer") == {"approve", "decline", "request_changes"}
    [lapse] = [one for one in contract["next"] if one["action"] == "lapse"]
    assert (lapse["actor"], lapse["on_timeout"]) == ("system", "expired")
    assert lapse["due_at"] is not None

    path = f"/v1/contracts/{contract['id']}/approve"
    assert (await service.post(BEN, path, {"revision": 1})).status_code == 428
    stale = await service.approve(contract["id"], 1, match='"1"')
    assert (stale.status_code, stale.json()["version"]) == (412, contract["version"])
    by_client = await service.post(ADA, path, {"revision": 1}, headers={"If-Match": "*"})
    by_stranger = await service.post(EVE, path, {"revision": 1}, headers={"If-Match": "*"})
    assert (by_client.status_code, by_stranger.status_code) == (403, 404)

    answer = await service.approve(contract["id"], 1, match=f'"{contract["version"]}"')

    assert (answer.status_code, answer.json()["state"]) == (200, "active")
    approved = service.last(told.TermsApproved)
    assert (approved.terms_hash, approved.policy.version) == (contract["terms_hash"], 1)
    assert approved.object.state == "active"
    again = await service.approve(contract["id"], 1)
    assert (again.status_code, again.json()["code"]) == (409, "move_not_allowed")
    terms = (await service.get(BEN, f"/v1/contracts/{contract['id']}/terms/1")).json()
    assert (terms["state"], terms["answered_by"]) == ("in_force", BEN)


async def test_an_edit_of_the_proposal_makes_the_freelancers_screen_stale(service: ContractsService) -> None:
    contract = await service.proposed(12_500)
    edited = await service.edit(contract["id"], [stated(contract["milestones"][0], amount=9_000)])
    assert (edited.status_code, edited.json()["revision"], edited.json()["state"]) == (200, 2, "proposed")

    answer = await service.approve(contract["id"], 1)

    assert (answer.status_code, answer.json()["code"], answer.json()["revision"]) == (409, "revision_changed", 2)
    assert (await service.approve(contract["id"], 1, match=f'"{contract["version"]}"')).status_code == 412
    assert (await service.approve(contract["id"], 2)).status_code == 200
    states = {one["revision"]: one["state"] for one in (await _terms(service, contract))}
    assert states == {1: "replaced", 2: "in_force"}


async def _terms(service: ContractsService, contract: dict[str, object]) -> list[dict[str, object]]:
    return list((await service.get(ADA, f"/v1/contracts/{contract['id']}/terms")).json()["data"])


async def test_a_draft_is_edited_without_a_new_revision(service: ContractsService) -> None:
    contract = await service.draft(12_500)
    path = f"/v1/contracts/{contract['id']}/terms"
    lines = [
        stated(contract["milestones"][0], amount=10_000, criteria=["It works"]),
        {"description": "x", "amount": 60},
    ]
    assert (await service.stage.call(ADA, "PUT", path, {"milestones": lines})).status_code == 428
    assert (await service.edit(contract["id"], lines, user=BEN)).status_code == 403
    assert (await service.edit(contract["id"], lines, user=EVE)).status_code == 404

    answer = await service.edit(contract["id"], lines, title="Another title")

    edited = answer.json()
    assert (edited["revision"], edited["title"], edited["version"]) == (1, "Another title", 2)
    assert edited["milestones"][0]["id"] == contract["milestones"][0]["id"]
    assert edited["milestones"][0]["criteria"] == ["It works"]
    assert edited["terms_hash"] != contract["terms_hash"]
    same = await service.edit(contract["id"], [stated(one) for one in edited["milestones"]])
    assert same.json()["version"] == 2
    foreign = await service.edit(contract["id"], [{**lines[0], "id": new_id("ms")}])
    assert [one["code"] for one in foreign.json()["errors"]] == ["milestone_unknown"]
    twice = await service.edit(contract["id"], [lines[0], lines[0]])
    assert [one["code"] for one in twice.json()["errors"]] == ["milestone_twice"]


async def test_a_proposal_is_declined_withdrawn_or_commented(service: ContractsService) -> None:
    contract = await service.proposed(12_500)
    base = f"/v1/contracts/{contract['id']}"
    comment = await service.post(BEN, f"{base}/request-changes", {"revision": 1, "comment": "Cheaper, please"})
    assert (comment.status_code, comment.json()["version"]) == (200, contract["version"])
    assert service.last(told.TermsChangesRequested).comment == "Cheaper, please"
    assert (await service.post(ADA, f"{base}/decline", {"revision": 1, "reason": "no"})).status_code == 403
    assert (await service.post(BEN, f"{base}/decline", {"revision": 2, "reason": "no"})).status_code == 409
    assert (await service.post(BEN, f"{base}/decline", {"revision": 1})).status_code == 422
    declined = await service.post(BEN, f"{base}/decline", {"revision": 1, "reason": "Too much work"})
    assert declined.json()["state"] == "declined"
    assert declined.json()["next"] == []
    assert service.last(told.TermsDeclined).reason == "Too much work"
    assert (await service.post(ADA, f"{base}/withdraw")).status_code == 409

    other = await service.proposed(5_000)
    assert (await service.post(BEN, f"/v1/contracts/{other['id']}/withdraw")).status_code == 403
    withdrawn = await service.post(ADA, f"/v1/contracts/{other['id']}/withdraw", {})
    assert withdrawn.json()["state"] == "withdrawn"
    assert service.last(told.TermsWithdrawn).revision == 1


async def test_an_unanswered_proposal_lapses_once_and_a_late_alarm_finds_nothing_to_do(
    service: ContractsService,
) -> None:
    lapsing, approved = await service.proposed(12_500), await service.proposed(5_000)
    await service.approve(approved["id"], 1)
    await service.stage.pass_time(days=13, hours=23)
    assert (await service.contract(lapsing["id"]))["state"] == "proposed"

    await service.stage.pass_time(hours=2)
    await service.stage.pass_time(days=14)

    assert (await service.contract(lapsing["id"]))["state"] == "expired"
    assert (await service.contract(approved["id"]))["state"] == "active"
    assert len(service.stage.heard(told.TermsLapsed)) == 1


async def test_an_active_contract_changes_only_with_a_new_approval(service: ContractsService) -> None:
    contract = await service.active(12_500, 5_000)
    first, second = contract["milestones"]
    lines = [{"description": "New first", "amount": 700}, stated(second, amount=6_000), stated(first)]

    edited = (await service.edit(contract["id"], lines)).json()

    assert (edited["state"], edited["revision"]) == ("active", 1)
    assert [one["amount"]["amount"] for one in edited["milestones"]] == [12_500, 5_000]
    pending = edited["pending_revision"]
    assert (pending["revision"], pending["total"]["amount"]) == (2, 19_200)
    assert {"code": "reapproval_pending"} in edited["warnings"]
    diff = (await service.get(BEN, f"/v1/contracts/{contract['id']}/terms/2/diff")).json()
    assert (diff["against"], diff["reordered"], len(diff["added"])) == (1, True, 1)
    assert diff["changed"][0]["fields"]["amount"]["after"]["amount"] == 6_000

    approved = (await service.approve(contract["id"], 2)).json()

    assert (approved["revision"], approved["pending_revision"]) == (2, None)
    assert [one["description"] for one in approved["milestones"]] == ["New first", "Part 2", "Part 1"]
    assert [one["position"] for one in approved["milestones"]] == [1, 2, 3]
    assert approved["terms_hash"] == pending["terms_hash"]
    states = {one["revision"]: one["state"] for one in await _terms(service, contract)}
    assert states == {1: "superseded", 2: "in_force"}


async def test_a_pending_revision_is_replaced_declined_withdrawn_or_lapses(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone, base = contract["milestones"][0], f"/v1/contracts/{contract['id']}"

    async def change(amount: int) -> int:
        answer = await service.edit(contract["id"], [stated(milestone, amount=amount)])
        return int(answer.json()["pending_revision"]["revision"])

    assert [await change(9_000), await change(8_000)] == [2, 3]
    assert service.last(told.TermsProposed).previous_revision == 2
    stale = await service.approve(contract["id"], 2)
    assert (stale.status_code, stale.json()["revision"]) == (409, 3)
    declined = await service.post(BEN, f"{base}/decline", {"revision": 3, "reason": "no"})
    assert (declined.json()["state"], declined.json()["pending_revision"]) == ("active", None)
    assert await change(7_000) == 4
    withdrawn = await service.post(ADA, f"{base}/withdraw")
    assert (withdrawn.json()["state"], withdrawn.json()["pending_revision"]) == ("active", None)
    assert await change(6_000) == 5
    await service.stage.pass_time(days=6)
    assert await change(5_000) == 6
    await service.stage.pass_time(days=6)
    assert (await service.contract(contract["id"]))["pending_revision"]["revision"] == 6
    await service.stage.pass_time(days=1, minutes=1)
    after = await service.contract(contract["id"])
    assert (after["state"], after["pending_revision"], after["revision"]) == ("active", None, 1)
    assert after["milestones"][0]["amount"]["amount"] == 12_500
    states = {one["revision"]: one["state"] for one in await _terms(service, contract)}
    assert states == {1: "in_force", 2: "replaced", 3: "declined", 4: "withdrawn", 5: "replaced", 6: "lapsed"}


async def test_an_edit_locks_out_what_is_being_paid(service: ContractsService) -> None:
    contract = await service.active(12_500, 5_000)
    first, second = contract["milestones"]
    await service.fund(contract, first)

    answer = await service.edit(contract["id"], [stated(first, amount=9_000), stated(second)])

    assert (answer.status_code, answer.json()["code"]) == (409, "milestone_locked")
    assert answer.json()["milestones"] == [{"milestone_id": first["id"], "state": "funding", "fields": ["amount"]}]
    dropping = await service.edit(contract["id"], [stated(second)])
    assert dropping.json()["milestones"][0]["fields"] == ["drop"]
    assert (await service.edit(contract["id"], [stated(first), stated(second, amount=1_000)])).status_code == 200
    await service.pay(first["id"])
    assert (await service.approve(contract["id"], 2)).json()["milestones"][0]["state"] == "funded"


async def test_a_funded_milestone_takes_new_words_but_no_new_price(service: ContractsService) -> None:
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    priced = await service.edit(contract["id"], [stated(milestone, amount=12_499)])
    assert priced.json()["milestones"][0]["fields"] == ["amount"]
    worded = await service.edit(contract["id"], [stated(milestone, description="Other", due_date="2031-01-31")])
    assert worded.status_code == 200
    approved = (await service.approve(contract["id"], 2)).json()["milestones"][0]
    assert (approved["description"], approved["due_date"], approved["state"]) == ("Other", "2031-01-31", "funded")
    assert approved["version"] == milestone["version"] + 1


async def test_a_revision_is_outdated_when_a_late_payment_took_its_milestone(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    request = service.last(told.MilestoneFundingRequested)
    await service.cancel_payment(request)
    await service.edit(contract["id"], [stated(milestone, amount=9_000)])
    await service.pay(milestone["id"], request)

    answer = await service.approve(contract["id"], 2)

    assert (answer.status_code, answer.json()["code"]) == (409, "revision_outdated")
    assert answer.json()["milestones"] == [{"milestone_id": milestone["id"], "state": "funded", "fields": ["amount"]}]
    assert (await service.milestone(milestone["id"]))["held"]["amount"] == 12_500


async def test_dropped_milestones_stay_listed_last(service: ContractsService) -> None:
    contract = await service.active(100, 200, 300)
    first, second, third = contract["milestones"]
    await service.edit(contract["id"], [stated(second), stated(third)])
    await service.approve(contract["id"], 2)
    await service.edit(contract["id"], [stated(third), {"description": "More", "amount": 400}])
    after = (await service.approve(contract["id"], 3)).json()
    assert [one["amount"]["amount"] for one in after["milestones"]] == [300, 400, 100, 200]
    assert [one["state"] for one in after["milestones"]] == ["planned", "planned", "dropped", "dropped"]
    revived = await service.edit(contract["id"], [stated(third), stated(first)])
    assert revived.status_code == 422


async def test_lists_show_ones_own_newest_first(service: ContractsService) -> None:
    mine = [(await service.draft(1_000 + n))["id"] for n in range(3)]
    other = await service.post(
        BEN,
        "/v1/contracts",
        {"title": "x", "freelancer_id": ADA, "currency": "eur", "milestones": [{"description": "y", "amount": 99}]},
    )
    everything = (await service.get(ADA, "/v1/contracts")).json()["data"]
    assert [one["id"] for one in everything] == [other.json()["id"], *reversed(mine)]
    as_freelancer = (await service.get(ADA, "/v1/contracts?role=freelancer")).json()["data"]
    assert [(one["id"], one["milestones"]) for one in as_freelancer] == [(other.json()["id"], [])]
    first = (await service.get(ADA, "/v1/contracts?role=client&state=draft&limit=2")).json()
    rest = (
        await service.get(ADA, f"/v1/contracts?role=client&state=draft&limit=2&cursor={first['next_cursor']}")
    ).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == list(reversed(mine))
    assert rest["next_cursor"] is None
    assert (await service.get(EVE, "/v1/contracts")).json() == {"data": [], "next_cursor": None}
    assert (await service.get(ADA, "/v1/contracts?cursor=abc")).status_code == 400
    assert (await service.get(ADA, "/v1/contracts?state=nonsense")).status_code == 422


async def test_strangers_and_malformed_ids_find_nothing(service: ContractsService) -> None:
    contract = await service.active(12_500)
    base, milestone = f"/v1/contracts/{contract['id']}", f"/v1/milestones/{contract['milestones'][0]['id']}"
    paths = [base, f"{base}/terms", f"{base}/terms/1", f"{base}/terms/1/diff", f"{base}/timeline", milestone]
    bodies = set()
    for path in [*paths, "/v1/contracts/nonsense", f"/v1/contracts/{new_id('ctr')}", f"{base}/terms/x"]:
        answer = await service.get(EVE, path)
        assert answer.status_code == 404, path
        bodies.add((answer.json()["code"], answer.json()["detail"]))
    assert len(bodies) == 1
    for missing in (f"{base}/terms/0", f"{base}/terms/2", f"{base}/terms/99999999999", f"{base}/terms/2/diff"):
        assert (await service.get(ADA, missing)).status_code == 404


async def test_the_timeline_tells_everything_in_order(service: ContractsService) -> None:
    contract = await service.released(12_500)
    path = f"/v1/contracts/{contract['id']}/timeline"
    entries = (await service.get(BEN, path)).json()["data"]
    assert [one["action"] for one in entries] == [
        "create", "send", "approve", "fund", "funded", "release", "released",
    ]  # fmt: skip
    assert [one["actor"] for one in entries] == [
        "client", "client", "freelancer", "client", "system", "client", "system",
    ]  # fmt: skip
    assert entries[3]["subject"] == {"type": "milestone", "id": contract["milestones"][0]["id"]}
    first = (await service.get(ADA, f"{path}?limit=4")).json()
    rest = (await service.get(ADA, f"{path}?limit=4&cursor={first['next_cursor']}")).json()
    assert first["data"] + rest["data"] == entries
