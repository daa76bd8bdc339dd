"""Chapter one: what shall be done, for how much, and both say yes to the same words."""

from datetime import datetime, timedelta
from typing import Any

from skillscoop_cli.story.client import Call
from skillscoop_cli.story.stage import Stage, Telling

PRICES = (40_000, 80_000, 30_000)
FIRST_PRICES = (40_000, 70_000, 30_000)
_WORK = ("Wireframes of all pages", "The shop, ready to try", "Hand-over and a week of fixes")


def _milestones(prices: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        {"description": text, "amount": amount, "criteria": [f"{text}: seen and tried by both"]}
        for text, amount in zip(_WORK, prices, strict=True)
    ]


async def tell(stage: Stage) -> None:
    """Draft, stranger, proposal, changes, a stale screen, agreement."""
    ada, grace, mallory = stage.cast.ada, stage.cast.grace, stage.cast.mallory
    stage.chapter("Agreeing on the work")
    async with stage.step("Ada drafts a contract of three milestones for Grace") as step:
        made = await step.call(
            ada,
            "POST",
            "/v1/contracts",
            {
                "title": "A small web shop",
                "freelancer_id": grace.id,
                "currency": "usd",
                "milestones": _milestones(FIRST_PRICES),
            },
            expect=201,
        )
        stage.contract = stage.outcome.contract_id = made["id"]
        stage.milestones = [milestone["id"] for milestone in made["milestones"]]
        step.check("a new contract is a draft", made["state"] == "draft", str(made["state"]))
        await stage.api.until("the conversation of the new contract", lambda: _conversation(stage))
        step.note("their conversation is open")
    async with stage.step("Mallory, a stranger, looks for it and finds nothing") as step:
        await step.call(mallory, "GET", stage.contract_path, expect=404)
        await step.call(mallory, "POST", f"{stage.contract_path}/send", {}, expect=404)
    async with stage.step("Ada sends it for review") as step:
        sent = await step.call(ada, "POST", f"{stage.contract_path}/send", {})
        step.check("a sent contract is proposed", sent["state"] == "proposed", str(sent["state"]))
    async with stage.step("Grace asks for changes: the shop is more work than that") as step:
        await step.call(
            grace,
            "POST",
            f"{stage.contract_path}/request-changes",
            {"revision": 1, "comment": "The shop itself is worth 800."},
        )
    async with stage.step("Ada raises the price of the second milestone") as step:
        edited = await edit(stage, step, prices=PRICES)
        step.check("the edit is revision 2", edited["revision"] == 2, str(edited["revision"]))
    async with stage.step("Grace's other tab still shows revision 1: approving it is refused") as step:
        refused = await step.call(
            grace, "POST", f"{stage.contract_path}/approve", {"revision": 1}, match="*", expect=409
        )
        step.note(f"refused as {refused['code']}")
    async with stage.step("Grace approves revision 2: the contract is active") as step:
        await approve(stage, step, 2)


async def _conversation(stage: Stage) -> Call | None:
    found = await stage.api.look(stage.cast.grace, f"/v1/conversations?contract_id={stage.contract}")
    return found if found is not None and found["data"] else None


async def edit(stage: Stage, step: Telling, *, prices: tuple[int, ...], due_in: timedelta | None = None) -> Call:
    """Put the whole list of milestones with these prices (and a due date on the last one), as the version just read.

    An answer that got lost leaves the question whether the edit was made: the revision tells, so it is read again
    before anything is put twice.
    """
    ada, path = stage.cast.ada, stage.contract_path
    now = await stage.api.call(ada, "GET", path)
    wanted = _milestones(prices)
    for milestone, id_ in zip(wanted, stage.milestones, strict=True):
        milestone["id"] = id_
    if due_in is not None:
        # Counted from the server's own day: its business clock may have been played forward.
        wanted[-1]["due_date"] = (datetime.fromisoformat(now["updated_at"]) + due_in).date().isoformat()
    put = await step.call(ada, "PUT", f"{path}/terms", {"milestones": wanted}, match=now.etag, expect=(200, 412))
    if put.status == 412 and not put.retried:
        step.check("nobody else edits the terms", False, "the version moved between reading and writing")
    return put if put.status == 200 else await stage.api.call(ada, "GET", path)


async def approve(stage: Stage, step: Telling, revision: int) -> None:
    """Grace approves a revision, which is in force from then on."""
    grace, path = stage.cast.grace, stage.contract_path
    now = await stage.api.call(grace, "GET", path)
    approved = await step.call(grace, "POST", f"{path}/approve", {"revision": revision}, match=now.etag)
    in_force = (approved["state"], approved["revision"]) == ("active", revision)
    step.check(f"revision {revision} is in force", in_force, f"{approved['state']}, revision {approved['revision']}")
