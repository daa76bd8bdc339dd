"""From the form to the delivered decision, with contracts' part spoken by the test."""

import sqlalchemy as sa
from skillscoop_messages.events import contracts, disputes

from tests.integration.disputes.case import ADA, BEN, EVE, POLICY, SAM, STATEMENT, SUE, Case


async def test_a_proposal_both_accept_is_settled_and_closed(case: Case) -> None:
    filed = await case.file(milestone_ids=[case.first, case.second], desired=case.split(0, 3_000))
    assert filed.status_code == 201
    assert filed.headers["location"] == f"/v1/disputes/{case.dispute_id}"
    assert (filed.json()["state"], filed.json()["opened_as"]) == ("opening", "client")
    assert case.opened().milestone_ids == [case.first, case.second]

    await case.freeze()
    answered = await case.done(BEN, "answer", {"statement": "It loads here.", "desired": case.split(7_000, 3_000)})
    assert (answered["state"], answered["answered"]) == ("open", True)
    await case.propose()
    one = await case.done(ADA, "proposal/accept", {})
    assert (one["state"], one["proposal"]["accepted_by"]) == ("proposed", [ADA])
    both = await case.done(BEN, "proposal/accept")
    assert (both["state"], both["decision"]["accepted"]) == ("resolved", True)
    assert case.resolved() == [(1, True, [(case.first, 4_000), (case.second, 0)])]

    await case.execute()
    await case.settle(case.first)
    assert (await case.see(ADA))["state"] == "resolved"
    await case.settle(case.second)
    assert (await case.see(ADA))["state"] == "closed"
    assert len(case.stage.heard(disputes.DisputeClosed)) == 1


async def test_support_decides_after_a_declined_proposal(case: Case) -> None:
    await case.open()
    await case.done(SAM, "assign")
    early = await case.do(SAM, "decide", {"split": case.split(1), "reasons": "At once"})
    assert (early.status_code, early.json()["code"]) == (409, "proposal_required")
    await case.propose()
    assert (await case.done(BEN, "proposal/decline"))["state"] == "in_review"
    decided = await case.done(SAM, "decide", {"split": case.split(5_000), "reasons": "On balance."})
    assert (decided["state"], decided["decision"]["decided_by"]) == ("resolved", SAM)
    assert case.resolved() == [(1, False, [(case.first, 5_000), (case.second, 0)])]


async def test_above_the_amount_another_agent_approves(case: Case) -> None:
    case.prices = (90_000, 10_001)
    await case.open()
    await case.propose()
    await case.done(ADA, "proposal/decline")
    waiting = await case.done(SAM, "decide", {"split": case.split(50_000), "reasons": "On balance."})
    assert (waiting["state"], waiting["decision"]["outcome"]) == ("awaiting_second_approval", "pending")
    assert case.resolved() == []
    assert (await case.see(ADA))["decision"] is None

    own = await case.do(SAM, "approve-decision")
    assert (own.status_code, own.json()["code"]) == (403, "second_approver_must_differ")
    await case.done(SUE, "assign")
    assert (await case.see(SUE))["decision"]["reasons"] == "On balance."
    assert (await case.done(SUE, "reject-decision", {"reason": "Too much."}))["state"] == "in_review"
    await case.done(SAM, "decide", {"split": case.split(40_000), "reasons": "Better."})
    approved = await case.do(SUE, "approve-decision")
    assert (approved.json()["state"], approved.json()["decision"]["approved_by"]) == ("resolved", SUE)
    assert case.resolved() == [(2, False, [(case.first, 40_000), (case.second, 0)])]


async def test_nothing_frozen_means_no_case_and_the_milestones_are_free_again(case: Case) -> None:
    await case.file()
    await case.stage.hear(
        contracts.DisputeAnswered(
            **case.about(),
            dispute_id=case.dispute_id,
            currency="usd",
            frozen=[],
            refused=[contracts.RefusedMilestone(milestone_id=case.first, reason="settling")],
        )
    )
    assert (await case.see(ADA))["state"] == "refused"
    assert (await case.file()).status_code == 201


async def test_silence_moves_the_case_on_twice(case: Case) -> None:
    await case.open()
    assert (await case.see(BEN))["due_at"] is not None
    await case.stage.pass_time(days=7)
    seen = await case.see(BEN)
    assert (seen["state"], seen["silent"]) == ("in_review", True)
    assert [one.silent for one in case.stage.heard(disputes.DisputeAnswerFiled)] == [True]
    assert (await case.do(BEN, "answer", {"statement": "Late"})).json()["code"] == "answer_time_over"

    await case.propose()
    await case.stage.pass_time(days=4, hours=23)
    assert (await case.see(ADA))["state"] == "proposed"
    await case.stage.pass_time(hours=1)
    await case.stage.ring()
    seen = await case.see(ADA)
    assert (seen["state"], seen["proposal"]["outcome"]) == ("in_review", "lapsed")


async def test_an_answered_case_waits_for_support_however_long(case: Case) -> None:
    await case.open()
    await case.done(BEN, "answer", {"statement": "My side."})
    await case.stage.pass_time(days=30)
    assert (await case.see(ADA))["state"] == "open"


async def test_the_opener_takes_it_back_and_nobody_works_on_it(case: Case) -> None:
    await case.open()
    await case.done(SAM, "assign")
    assert (await case.do(BEN, "withdraw")).json()["code"] == "other_party_only"
    assert (await case.done(ADA, "withdraw"))["state"] == "withdrawn"
    assert len(case.stage.heard(disputes.DisputeWithdrawn)) == 1
    assert [one.agent_id for one in case.stage.heard(disputes.DisputeAssigned)] == [SAM, None]
    assert "statement" not in await case.see(SAM)
    assert (await case.file()).status_code == 201


async def test_an_answer_of_contracts_after_the_withdrawal_is_ignored(case: Case) -> None:
    await case.file()
    await case.done(ADA, "withdraw")
    await case.freeze()
    assert (await case.see(ADA))["state"] == "withdrawn"
    assert not case.stage.heard(disputes.DisputeConfirmed)


async def test_deliveries_may_be_heard_of_before_the_execution(case: Case) -> None:
    await case.open()
    await case.propose()
    for user in (ADA, BEN):
        await case.done(user, "proposal/accept")
    for milestone_id in (case.first, case.second):
        await case.settle(milestone_id)
    assert (await case.see(ADA))["state"] == "closed"
    await case.execute()
    assert (await case.see(ADA))["state"] == "closed"
    assert (await case.file()).status_code == 201


async def test_a_decision_contracts_refuses_goes_back_to_review_and_the_next_has_a_new_number(case: Case) -> None:
    await case.open()
    await case.propose()
    for user in (ADA, BEN):
        await case.done(user, "proposal/accept")
    await case.stage.hear(
        contracts.DisputeDecisionRefused(
            **case.about(),
            dispute_id=case.dispute_id,
            decision=1,
            milestones=[
                contracts.UnsettledMilestone(milestone_id=case.first, state="funded", held=2_000, reason="held_changed")
            ],
        ),
        times=2,
    )
    back = await case.see(SAM)
    assert (back["state"], back["milestones"][0]["held"]["amount"]) == ("in_review", 2_000)
    await case.done(SAM, "decide", {"split": case.split(2_000), "reasons": "What is left."})
    assert [number for number, _, _ in case.resolved()] == [1, 2]


async def test_the_terms_may_be_heard_of_after_the_freeze(case: Case) -> None:
    other = Case(case.stage)
    work = other.work(other.first)
    await case.stage.hear(
        contracts.MilestoneFunded(**work, funding_id="fnd_1", payment_id="pay_1", held=7_000), sequence=5
    )
    await other.file()
    await other.freeze(other.first)
    assert (await other.see(ADA))["state"] == "opening"
    await case.stage.hear(
        contracts.TermsApproved(
            **other.about(), revision=1, terms_hash="00", milestones=[], currency="usd", policy=POLICY
        ),
        sequence=4,
    )
    await other.freeze(other.first)
    assert (await other.see(ADA))["state"] == "open"


async def test_work_that_is_submitted_or_taken_back_says_what_is_held(case: Case) -> None:
    """Given a funding nobody heard of yet, when submission or retraction is heard of, then a form may be filed."""
    for keys, said in enumerate((contracts.MilestoneSubmitted, contracts.MilestoneSubmissionRetracted), 1):
        other = Case(case.stage, keys=1_000 * keys)
        details = {"note": "Done", "links": []} if said is contracts.MilestoneSubmitted else {}
        await case.stage.hear(said(**other.work(other.first), held=7_000, **details), sequence=5)

        filed = await other.file()

        assert filed.status_code == 201, filed.text
        async with case.stage.service.database.read() as tx:
            claims = sa.text("SELECT milestone_id FROM claims WHERE dispute_id = :dispute")
            claimed = await tx.all(claims, {"dispute": other.dispute_id})
        assert [one["milestone_id"] for one in claimed] == [other.first]


async def test_money_that_is_decided_about_cannot_be_disputed_and_older_news_does_not_bring_it_back(case: Case) -> None:
    for milestone_id in (case.first, case.second):
        work = case.work(milestone_id)
        await case.stage.hear(
            contracts.MilestoneSettlementDecided(
                **work,
                settlement_id="stl_1",
                funding_id="fnd_1",
                payment_id="pay_1",
                held=work["amount"],
                to_freelancer=work["amount"],
                to_client=0,
                reason="release",
                decided_by=ADA,
                fee=contracts.FeeRule(bps=0, fixed=0, policy_version=1),
            )
        )
        await case.stage.hear(
            contracts.MilestoneFunded(**work, funding_id="fnd_1", payment_id="pay_1", held=work["amount"]), sequence=2
        )
    refused = await case.file()
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_held")


async def test_a_milestone_is_in_one_open_dispute_only(case: Case) -> None:
    assert (await case.file(milestone_ids=[case.first])).status_code == 201
    assert (await case.file(BEN, milestone_ids=[case.first])).json()["code"] == "already_disputed"
    assert (await case.file(BEN, milestone_ids=[case.second])).status_code == 201
    assert (await case.file(BEN)).json()["code"] == "already_disputed"


async def test_a_dispute_closes_though_another_form_named_its_milestone_first(case: Case) -> None:
    """Given Ada's form about the first milestone, and then Ben's about all that is held
    When contracts answers Ben's first, with both milestones, refuses Ada's, and delivers what was decided
    Then Ben's dispute closes.
    """
    await case.file(milestone_ids=[case.first])
    adas = case.dispute_id
    await case.file(BEN)
    await case.freeze(case.first, case.second)
    bens, case.dispute_id = case.dispute_id, adas
    await case.stage.hear(
        contracts.DisputeAnswered(**case.about(), dispute_id=adas, currency="usd", frozen=[], refused=[])
    )
    assert (await case.see(ADA))["state"] == "refused"

    case.dispute_id = bens
    await case.propose()
    for party in (ADA, BEN):
        await case.done(party, "proposal/accept")
    await case.execute()
    for milestone in (case.first, case.second):
        await case.settle(milestone)
    assert (await case.see(ADA))["state"] == "closed"


async def test_a_delivery_heard_of_before_the_freeze_still_closes_the_dispute(case: Case) -> None:
    """Given the news that a milestone was delivered overtakes contracts' answer which put it into the dispute
    When the rest is decided and delivered
    Then the dispute closes.
    """
    await case.file()
    await case.settle(case.first)
    await case.freeze()
    assert [one["final"] for one in (await case.see(ADA))["milestones"]] == [True, False]
    await case.done(SAM, "assign")
    split = [{"milestone_id": case.second, "to_freelancer": 1_000}]
    await case.done(SAM, "propose", {"split": split, "reasons": "Half of it works."})
    for party in (ADA, BEN):
        await case.done(party, "proposal/accept")
    await case.execute()
    await case.settle(case.second)
    assert (await case.see(ADA))["state"] == "closed"


async def test_no_event_carries_what_people_wrote(case: Case) -> None:
    await case.open()
    await case.done(BEN, "answer", {"statement": "SECRET answer"})
    await case.done(ADA, "evidence", {"text": "SECRET evidence"})
    await case.propose()
    await case.done(SAM, "notes", {"text": "SECRET note"})
    text = "".join(one.data.model_dump_json() for one in case.stage.said)
    assert "SECRET" not in text
    assert STATEMENT not in text
    assert "Half of it works" not in text


async def test_strangers_are_told_that_nothing_is_there(case: Case) -> None:
    await case.open()
    assert (await case.file(EVE)).status_code == 404
    for answer in (
        await case.call(EVE, "GET", f"/v1/disputes/{case.dispute_id}"),
        await case.do(EVE, "answer", {"statement": "x"}),
        await case.do(EVE, "withdraw"),
        await case.do(EVE, "assign"),
        await case.do(EVE, "decide", {"split": case.split(1), "reasons": "x"}),
        await case.do(EVE, "evidence", {"text": "x"}),
        await case.call(EVE, "GET", "/v1/disputes/nonsense"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await case.call(EVE, "GET", "/v1/disputes")).json() == {"data": [], "next_cursor": None}
