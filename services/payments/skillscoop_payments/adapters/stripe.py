"""The real gateway: Stripe through its official SDK, one client per process. No Stripe word leaves this folder."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from skillscoop_payments.adapters import stripe_calls, stripe_search, stripe_snapshots
from skillscoop_payments.domain.operation import (
    Busy,
    Done,
    Kind,
    Operation,
    Refused,
    Searched,
    SearchFailed,
    Sent,
    Unknown,
)
from skillscoop_payments.domain.outgoing_calls import OutgoingCall
from skillscoop_payments.domain.snapshots import AccountSnapshot, Failure, Movement, Snapshot
from skillscoop_payments.gateway import OnboardingLink, Subject, Unreachable

if TYPE_CHECKING:
    import stripe

LOG = logging.getLogger(__name__)
API_VERSION = "2026-10-28.endive"
PAYEE_CODES = frozenset(
    {"insufficient_capabilities_for_transfer", "transfers_not_allowed", "account_invalid", "resource_missing"}
)

Json = dict[str, Any]


class StripeGateway:
    """Implements `skillscoop_payments.gateway.Gateway`.

    `key` is the secret key; `api_base` replaces Stripe's own address; `timeout` is seconds for a whole call;
    `connections` bounds those open at once.
    """

    def __init__(self, key: str, api_base: str | None, *, timeout: float, connections: int) -> None:
        self._key = key
        self._api_base = api_base
        self._timeout = timeout
        self._connections = connections
        self._opened: tuple[stripe.StripeClient, Any] | None = None
        self._sends: Mapping[Kind, Callable[[Any, Any], Awaitable[Snapshot]]] = {
            "create_intent": self._create_intent,
            "create_checkout": self._create_checkout,
            "close_payment": self._close_payment,
            "create_transfer": self._create_transfer,
            "create_refund": self._create_refund,
            "create_recipient": self._create_recipient,
        }

    @property
    def _client(self) -> "stripe.StripeClient":
        """The one client of this process."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened[0]

    def _open(self) -> "tuple[stripe.StripeClient, Any]":
        import aiohttp
        import stripe

        stripe.enable_telemetry = False
        http = stripe.AIOHTTPClient(
            timeout=aiohttp.ClientTimeout(total=self._timeout, connect=min(3.0, self._timeout)),
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30),
        )
        client = stripe.StripeClient(
            self._key,
            stripe_version=API_VERSION,
            base_addresses={"api": self._api_base} if self._api_base else None,
            http_client=http,
            # Our own executor repeats, with the operation's key and after searching where that is needed.
            max_network_retries=0,
        )
        return client, http

    async def open(self) -> None:
        """Load the SDK and everything of it that is used here, so that no payment waits seconds for it.

        Loading stops the whole process, in the embedded form all services at once. A process that never runs payments,
        printing a document for example, does without it.
        """
        client = self._client
        import stripe

        loaded = [
            client.v1.balance_transactions,
            client.v1.charges,
            client.v1.disputes,
            client.v1.payment_intents,
            client.v1.checkout.sessions,
            client.v1.refunds,
            client.v1.transfers,
            client.v1.balance_settings,
            client.v2.core.accounts,
            client.v2.core.account_links,
            stripe.BalanceSettings,
            stripe.BalanceTransaction,
            stripe.Charge,
            stripe.Dispute,
            stripe.PaymentIntent,
            stripe.Refund,
            stripe.Transfer,
            stripe.WebhookSignature,
            stripe.checkout.Session,
            stripe.v2.core.Account,
            stripe.v2.core.AccountLink,
        ]
        assert all(loaded), "each is loaded when its name is used"

    def parameters(self, call: OutgoingCall) -> dict[str, Any]:
        """What a call will send."""
        return stripe_calls.parameters(call)

    async def send(self, operation: Operation) -> Sent:
        """Carry out a call; every way it can end is a value."""
        import stripe

        kind, parameters = operation.kind, dict(operation.parameters)
        try:
            return Done(await self._sends[kind](parameters, {"idempotency_key": operation.key}))
        except stripe.CardError as error:
            return _declined(error)
        except stripe.IdempotencyError as error:
            return Unknown(_told(error), remembered=True)
        except stripe.InvalidRequestError as error:
            return await self._after_refusal(operation, error)
        except stripe.PermissionError as error:
            # An account that is no longer ours to pay to is told of like a key that may not do this.
            if kind == "create_transfer" and _code(error) == "account_invalid":
                return Refused(Failure("payee_not_ready", ""))
            return Busy(_told(error), timedelta(seconds=1))
        except (stripe.RateLimitError, stripe.AuthenticationError) as error:
            return Busy(_told(error), timedelta(seconds=1))
        except stripe.StripeError as error:
            if error.http_status == 409:
                return Busy(_told(error))
            return Unknown(_told(error), remembered=_replayed(error))
        except Exception as error:
            # An answer that broke off on the way: the effect may well be there.
            return Unknown(f"{type(error).__name__}: {error}")

    async def search(self, operation: Operation) -> Searched:
        """The object an earlier try made, by the operation's id in its metadata."""
        try:
            return await stripe_search.search(self._client, self.poll, operation)
        except Exception as error:
            return SearchFailed(_told(error))

    async def poll(self, subject: Subject, ref: str) -> Snapshot | None:
        """The object as it is now."""
        import stripe

        try:
            return await self._poll(subject, ref)
        except stripe.PermissionError as error:
            if subject == "account" and _code(error) == "account_invalid":
                # It is closed, or its owner took our access away: nothing can be sent there.
                return AccountSnapshot(ref, "rejected")
            raise Unreachable(_told(error)) from error
        except stripe.InvalidRequestError as error:
            if error.http_status == 404:
                return None
            raise Unreachable(_told(error)) from error
        except Exception as error:
            raise Unreachable(_told(error)) from error

    async def payout_interval(self) -> str:
        """How our own balance is paid out to our bank."""
        try:
            settings = _plain(await self._client.v1.balance_settings.retrieve_async())
        except Exception as error:
            raise Unreachable(_told(error)) from error
        schedule = ((settings.get("payments") or {}).get("payouts") or {}).get("schedule") or {}
        return str(schedule.get("interval") or "unknown")

    async def moved(self, since: datetime) -> list[Movement]:
        """What was booked on our balance and may be the doing of others, by the list of balance transactions."""
        found: list[Movement] = []
        try:
            for kind in stripe_calls.MOVED_BY_OTHERS:
                pages = await self._client.v1.balance_transactions.list_async(
                    {"type": kind, "created": {"gte": int(since.timestamp())}, "limit": 100, "expand": ["data.source"]}
                )
                async for entry in pages.auto_paging_iter():
                    movement = stripe_snapshots.movement(_plain(entry))
                    if movement is not None:
                        found.append(movement)
        except Exception as error:
            raise Unreachable(_told(error)) from error
        return found

    async def onboarding_link(self, account_ref: str, return_url: str, refresh_url: str) -> OnboardingLink:
        """A fresh link to Stripe's own onboarding page."""
        try:
            link = await self._client.v2.core.account_links.create_async(
                {
                    "account": account_ref,
                    "use_case": {
                        "type": "account_onboarding",
                        # Which configurations have to be completed Stripe knows by itself: since 2026-09-30.endive a
                        # request that names them is refused.
                        "account_onboarding": {"return_url": return_url, "refresh_url": refresh_url},
                    },
                },
                {"max_network_retries": 1},
            )
        except Exception as error:
            raise Unreachable(_told(error)) from error
        expires: Any = link.expires_at
        return OnboardingLink(link.url, expires if isinstance(expires, datetime) else datetime.fromisoformat(expires))

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened[1].close_async()
            self._opened = None

    async def _create_intent(self, params: Any, options: Any) -> Snapshot:
        return stripe_snapshots.payment(_plain(await self._client.v1.payment_intents.create_async(params, options)))

    async def _create_checkout(self, params: Any, options: Any) -> Snapshot:
        return stripe_snapshots.checkout(_plain(await self._client.v1.checkout.sessions.create_async(params, options)))

    async def _close_payment(self, params: Any, options: Any) -> Snapshot:
        if "checkout" in params:
            expired = await self._client.v1.checkout.sessions.expire_async(
                params["checkout"], {"expand": stripe_calls.SESSION_EXPANSION}, options
            )
            return stripe_snapshots.checkout(_plain(expired))
        canceled = await self._client.v1.payment_intents.cancel_async(
            params["intent"],
            {"cancellation_reason": "abandoned", "expand": stripe_calls.INTENT_EXPANSION},
            options,
        )
        return stripe_snapshots.payment(_plain(canceled))

    async def _create_transfer(self, params: Any, options: Any) -> Snapshot:
        return stripe_snapshots.transfer(_plain(await self._client.v1.transfers.create_async(params, options)))

    async def _create_refund(self, params: Any, options: Any) -> Snapshot:
        return stripe_snapshots.refund(_plain(await self._client.v1.refunds.create_async(params, options)))

    async def _create_recipient(self, params: Any, options: Any) -> Snapshot:
        return stripe_snapshots.account(_plain(await self._client.v2.core.accounts.create_async(params, options)))

    async def _poll(self, subject: Subject, ref: str) -> Snapshot | None:
        v1 = self._client.v1
        match subject:
            case "payment":
                found = await v1.payment_intents.retrieve_async(ref, {"expand": stripe_calls.INTENT_EXPANSION})
                return stripe_snapshots.payment(_plain(found))
            case "checkout":
                session = await v1.checkout.sessions.retrieve_async(ref, {"expand": stripe_calls.SESSION_EXPANSION})
                return stripe_snapshots.checkout(_plain(session))
            case "refund":
                found_refund = await v1.refunds.retrieve_async(ref, {"expand": stripe_calls.REFUND_EXPANSION})
                return stripe_snapshots.refund(_plain(found_refund))
            case "transfer":
                return stripe_snapshots.transfer(_plain(await v1.transfers.retrieve_async(ref)))
            case "dispute":
                return stripe_snapshots.chargeback(_plain(await v1.disputes.retrieve_async(ref)))
            case "account":
                includes: Any = {"include": stripe_calls.ACCOUNT_INCLUDES}
                return stripe_snapshots.account(
                    _plain(await self._client.v2.core.accounts.retrieve_async(ref, includes))
                )

    async def _after_refusal(
        self, operation: Operation, error: "stripe.InvalidRequestError"
    ) -> Done | Refused | Unknown:
        """What a 400 means for each kind. Where the wish may have come true already, the object itself is asked."""
        kind, code, parameters = operation.kind, error.code or "", operation.parameters
        if kind == "close_payment":
            subject: Subject = "checkout" if "checkout" in parameters else "payment"
            try:
                snapshot = await self.poll(subject, str(next(iter(parameters.values()))))
            except Unreachable as unreachable:
                return Unknown(str(unreachable))
            return Done(snapshot) if snapshot is not None else Unknown(_told(error))
        if kind == "create_refund" and code == "charge_already_refunded":
            found = await self.search(replace(operation, search_cursor=None))
            if isinstance(found, Done):
                return found
            if isinstance(found, SearchFailed):
                return Unknown(found.error)
        LOG.warning("Stripe refused %s: %s", kind, _told(error))
        return Refused(Failure(_refusal(kind, code, error.param), str(error.user_message or "")[:500]))


def _plain(body: Any) -> Json:
    """A dictionary all the way down: the SDK's objects are none."""
    return dict(body.to_dict())


def _code(error: "stripe.StripeError") -> str | None:
    """Stripe's code for an error; the SDK leaves it out of those that it makes from the status alone."""
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    code = error.code or (body.get("error") or {}).get("code")
    return str(code) if code else None


def _declined(error: "stripe.CardError") -> Refused:
    """A card was refused; the intent exists all the same and stands in the error."""
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    told = body.get("error") or {}
    intent = told.get("payment_intent")
    reason = stripe_snapshots.failure(told) or Failure("card_declined", "The card was declined.")
    return Refused(reason, stripe_snapshots.payment(intent) if isinstance(intent, Mapping) else None)


def _refusal(kind: Kind, code: str, param: str | None) -> str:
    """Our word for why Stripe will not do it."""
    if kind in ("create_transfer", "create_refund") and code == "balance_insufficient":
        return "insufficient_balance"
    if kind == "create_transfer" and code in PAYEE_CODES and param in (None, "destination"):
        return "payee_not_ready"
    if kind == "create_recipient" and (param or "").startswith("contact_email"):
        return "contact_email_missing"
    if kind == "create_intent" and (param == "payment_method" or code.startswith("payment_method")):
        return "method_invalid"
    return "refused"


def _replayed(error: "stripe.StripeError") -> bool:
    """Whether this is the remembered answer of an earlier try: the same key would bring nothing else."""
    headers = {str(name).lower(): str(value).lower() for name, value in (error.headers or {}).items()}
    return headers.get("idempotent-replayed") == "true"


def _told(error: BaseException) -> str:
    """An error for operators: kind, status, code and request id; never what was sent."""
    status = getattr(error, "http_status", None)
    code = getattr(error, "code", None)
    request = getattr(error, "request_id", None)
    parts = [type(error).__name__, *(str(part) for part in (status, code, request) if part)]
    return " ".join(parts)
