"""What every transport promises, whatever it is made of."""

import asyncio

from skillscoop_messages.errors import Hold
from skillscoop_messages.transport.base import BATCH, Transport

from tests.conformance.messaging_fixtures import (
    BOOKING,
    MOURNING,
    SUBSCRIPTIONS,
    Ignored,
    Lost,
    Mailbox,
    Messaging,
    Shipped,
    eventually,
    raws,
)


async def test_a_message_reaches_every_subscription_that_wants_its_type_with_its_bytes_untouched(
    post: Messaging,
) -> None:
    transport = await post.opened()
    books, mourners = Mailbox(), Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], books)
    await transport.subscribe(SUBSCRIPTIONS[MOURNING], mourners)
    shipped, lost = raws(Shipped(parcel_id="pcl_ä", note="ünï"), Lost(parcel_id="pcl_2"))

    stored = await transport.publish([shipped, lost])

    assert stored == {shipped.id, lost.id}
    await books.holds([shipped.id, lost.id])
    await mourners.holds([lost.id])
    assert sorted(raw for batch in books.batches for raw in batch) == sorted([shipped, lost])
    assert mourners.ids() == [lost.id]


async def test_what_was_published_before_anybody_subscribed_waits(post: Messaging) -> None:
    transport = await post.opened()
    sent = raws(Shipped(parcel_id="pcl_1"))
    await transport.publish(sent)

    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)

    await mailbox.holds([sent[0].id])


async def test_a_message_nobody_wants_counts_as_published(post: Messaging) -> None:
    transport = await post.opened()
    sent = raws(Ignored(parcel_id="pcl_1"))

    assert await transport.publish(sent) == {sent[0].id}


async def test_an_empty_batch_is_no_trouble(post: Messaging) -> None:
    assert await (await post.opened()).publish([]) == set()


async def test_a_batch_that_raises_comes_again(post: Messaging) -> None:
    transport = await post.opened()
    mailbox = Mailbox()
    mailbox.errors = [RuntimeError("not now"), RuntimeError("not yet")]
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(Shipped(parcel_id="pcl_1"))

    await transport.publish(sent)

    async def settled() -> bool:
        return mailbox.ids() == [sent[0].id] * 3 and not mailbox.errors

    await eventually(settled)


async def test_batches_hold_at_most_a_hundred_and_come_one_at_a_time(post: Messaging) -> None:
    transport = await post.opened()
    sent = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(350)))
    await transport.publish(sent)
    mailbox = Mailbox()
    mailbox.open.clear()

    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)

    async def one_in_hand() -> bool:
        return len(mailbox.batches) == 1

    await eventually(one_in_hand)
    mailbox.open.set()
    await mailbox.holds([raw.id for raw in sent])
    assert max(len(batch) for batch in mailbox.batches) <= BATCH


async def test_publishing_twice_is_no_error(post: Messaging) -> None:
    transport = await post.opened()
    sent = raws(Shipped(parcel_id="pcl_1"))
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)

    assert await transport.publish(sent) == await transport.publish(sent) == {sent[0].id}

    await mailbox.holds([sent[0].id])


async def test_a_batch_in_hand_when_the_process_dies_comes_again(post: Messaging) -> None:
    transport = await post.opened()
    mailbox = Mailbox()
    mailbox.open.clear()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(5)))
    await transport.publish(sent)

    async def in_hand() -> bool:
        return bool(mailbox.batches)

    await eventually(in_hand)
    await post.closed()

    after = Mailbox()
    await (await post.opened()).subscribe(SUBSCRIPTIONS[BOOKING], after)
    await after.holds([raw.id for raw in sent])


async def test_what_was_settled_does_not_come_again(post: Messaging) -> None:
    transport = await post.opened()
    mailbox = Mailbox()
    cancel = await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    first, second = raws(Shipped(parcel_id="pcl_1"), Shipped(parcel_id="pcl_2"))
    await transport.publish([first])
    await mailbox.holds([first.id])
    await cancel()
    await post.closed()

    again = await post.opened()
    after = Mailbox()
    await again.subscribe(SUBSCRIPTIONS[BOOKING], after)
    await again.publish([second])
    await after.holds([second.id])

    assert after.ids() == [second.id]


async def test_cancelling_lets_the_batch_in_hand_finish(post: Messaging) -> None:
    transport = await post.opened()
    mailbox = Mailbox()
    mailbox.open.clear()
    cancel = await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(Shipped(parcel_id="pcl_1"))
    await transport.publish(sent)

    async def in_hand() -> bool:
        return bool(mailbox.batches)

    await eventually(in_hand)
    ending = asyncio.create_task(cancel())
    mailbox.open.set()
    await ending

    async def nothing_waits() -> bool:
        return not any((await transport.backlog()).values())

    await eventually(nothing_waits)


async def test_a_held_batch_comes_again_only_when_its_reason_is_gone(post: Messaging) -> None:
    transport = await post.opened()
    gone = asyncio.Event()
    mailbox = Mailbox()

    async def until_gone() -> None:
        await gone.wait()

    mailbox.errors = [Hold("the database is away", until_gone)]
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(Shipped(parcel_id="pcl_1"))
    await transport.publish(sent)

    async def held() -> bool:
        return "the database is away" in (transport.trouble() or "")

    if post.kind == "simulated":
        await mailbox.holds([sent[0].id])
    else:
        await eventually(held)
        assert mailbox.ids() == [sent[0].id]
    gone.set()

    async def again() -> bool:
        return len(mailbox.ids()) >= 2

    await eventually(again)
    await eventually_quiet(transport)


async def test_the_backlog_is_empty_once_everything_is_settled(post: Messaging) -> None:
    transport = await post.opened()
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(3)))

    await transport.publish(sent)

    await mailbox.holds([raw.id for raw in sent])
    await eventually_quiet(transport)
    assert transport.trouble() is None


async def eventually_quiet(transport: Transport) -> None:
    """Wait until nothing waits for anybody."""

    async def quiet() -> bool:
        return not any((await transport.backlog()).values())

    await eventually(quiet)
