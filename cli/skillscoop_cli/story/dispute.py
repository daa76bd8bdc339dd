"""Chapter four: they disagree about the second milestone, and our team helps."""

from skillscoop_cli.story.client import Call
from skillscoop_cli.story.delivery import release, submit
from skillscoop_cli.story.proposal import PRICES
from skillscoop_cli.story.stage import Stage

TO_FREELANCER = 50_000


async def tell(stage: Stage) -> None:
    """Form, freeze, answer, assignment, proposal, both accept, transfer and refund, closed."""
    ada, grace, sam = stage.cast.ada, stage.cast.grace, stage.cast.sam
    stage.chapter("A dispute, and a split both accept")
    async with stage.step("Grace submits the second milestone; Ada files the Dispute Assistance Form") as step:
        await submit(stage, step, 2, "The shop is up on the test server.")
        filed = await step.call(
            ada,
            "POST",
            "/v1/disputes",
            {
                "contract_id": stage.contract,
                "milestone_ids": [stage.milestones[1]],
                "reason": "work_quality",
                "statement": "The basket forgets what is in it.",
                "desired": [{"milestone_id": stage.milestones[1], "to_freelancer": 30_000}],
            },
            expect=(201, 202),
            until_not=(404, 409),
        )
        stage.dispute = filed["id"]
        await stage.api.until_state(ada, f"/v1/disputes/{stage.dispute}", "open")
        frozen = await stage.api.call(ada, "GET", stage.milestone_path(2))
        kinds = [entry["kind"] for entry in frozen["frozen_by"]]
        step.check("the disputed money is frozen", kinds == ["dispute"], str(frozen["frozen_by"]))
    async with stage.step("Frozen money cannot be released") as step:
        path = stage.milestone_path(2)
        body = {"amount": PRICES[1]}
        refused = await step.call(ada, "POST", f"{path}/release", body, match="*", expect=409)
        step.note(f"refused as {refused['code']}")
    async with stage.step("Grace answers; Sam from support takes the case and proposes a split") as step:
        base = f"/v1/disputes/{stage.dispute}"
        await step.call(grace, "POST", f"{base}/answer", {"statement": "The basket works; the test server was slow."})
        await step.call(sam, "POST", f"{base}/assign", {})
        split = [{"milestone_id": stage.milestones[1], "to_freelancer": TO_FREELANCER}]
        reasons = "Most of the shop works; the basket does not."
        proposed = await step.call(sam, "POST", f"{base}/propose", {"split": split, "reasons": reasons})
        step.check("both are asked about the split", proposed["state"] == "proposed", str(proposed["state"]))
    async with stage.step("Both accept: one part is transferred, the other refunded", money=True) as step:
        base = f"/v1/disputes/{stage.dispute}"
        for person in (ada, grace):
            await step.call(person, "POST", f"{base}/proposal/accept", {}, expect=(200, 202))
        await stage.api.until_state(ada, stage.milestone_path(2), "split")
        await stage.api.until_state(ada, base, "closed")
        step.note("split delivered, dispute closed")
    async with stage.step(
        "Grace submits the third milestone; Ada clicks release twice, it happens once", money=True
    ) as step:
        await submit(stage, step, 3, "Handed over, with notes.")
        first = await release(stage, step, 3, key=f"walk-release-{stage.contract}")
        again = await _same_click(stage, first)
        step.check("the second click gets the first answer", again.headers.get("idempotent-replayed") == "true")
        await stage.api.until_state(ada, stage.milestone_path(3), "released")
        step.note("released once")


async def _same_click(stage: Stage, first: Call) -> Call:
    return await stage.api.call(
        stage.cast.ada,
        "POST",
        first.path,
        {"amount": PRICES[2]},
        match="*",
        key=f"walk-release-{stage.contract}",
        expect=202,
    )
