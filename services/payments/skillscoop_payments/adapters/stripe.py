"""The real gateway: Stripe through its official SDK, one client per process. No Stripe word leaves this folder."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from skillscoop_payments.adapters import stripe_orders, stripe_shapes
from skillscoop_payments.domain.observations import Failure, Seen
from skillscoop_payments.domain.operation import Busy, Done, Kind, Refused, Unknown
from skillscoop_payments.domain.orders import Order
from skillscoop_payments.gateway import OnboardingLink, Subject, Unreachable

if TYPE_CHECKING:
    import stripe

LOG = logging.getLogger(__name__)
API_VERSION = "2026-10-28.endive"
SEARCH_MARGIN = timedelta(hours=1)
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
        self._calls: Mapping[str, Callable[[Any, Any], Awaitable[Seen]]] = {
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
            # Our own executor repeats, with the operation's key and after looking where that is needed.
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
            client.v1.charges,
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
            stripe.PaymentIntent,
            stripe.Refund,
            stripe.Transfer,
            stripe.WebhookSignature,
            stripe.checkout.Session,
            stripe.v2.core.Account,
            stripe.v2.core.AccountLink,
        ]
        assert all(loaded), "each is loaded when its name is used"

    def parameters(self, order: Order) -> dict[str, Any]:
        """What an order will send."""
        return stripe_orders.parameters(order)

    async def send(self, kind: Kind, parameters: dict[str, Any], key: str) -> Done | Refused | Unknown | Busy:
        """Carry out an operation; every way it can end is a value."""
        import stripe

        try:
            return Done(await self._calls[kind](parameters, {"idempotency_key": key}))
        except stripe.CardError as error:
            return _declined(error)
        except stripe.IdempotencyError as error:
            return Unknown(_told(error), remembered=True)
        except stripe.InvalidRequestError as error:
            return await self._after_refusal(kind, parameters, error)
        except (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
            return Busy(_told(error), timedelta(seconds=1))
        except stripe.StripeError as error:
            if error.http_status == 409:
                return Busy(_told(error))
            return Unknown(_told(error), remembered=_replayed(error))
        except Exception as error:
            # An answer that broke off on the way: the effect may well be there.
            return Unknown(f"{type(error).__name__}: {error}")

    async def search(self, kind: Kind, parameters: dict[str, Any], operation_id: str, since: datetime) -> Seen | None:
        """The object an earlier try made, by the operation's id in its metadata."""
        since_seconds = int((since - SEARCH_MARGIN).timestamp())
        try:
            match kind:
                case "create_intent":
                    return await self._find_payment(parameters["transfer_group"], operation_id, since_seconds)
                case "create_checkout":
                    return await self._find_checkout(operation_id, since_seconds)
                case "close_payment":
                    subject: Subject = "checkout" if "checkout" in parameters else "payment"
                    seen = await self.look(subject, str(next(iter(parameters.values()))))
                    return seen if getattr(seen, "status", None) in ("paid", "dead") else None
                case "create_transfer":
                    pages = await self._client.v1.transfers.list_async(
                        {"transfer_group": parameters["transfer_group"], "limit": 100}
                    )
                    return await _first(_items(pages), operation_id, stripe_shapes.transfer)
                case "create_refund":
                    return await self._find_refund(parameters["payment_intent"], operation_id)
                case "create_recipient":
                    return await self._find_account(operation_id)
        except Unreachable:
            raise
        except Exception as error:
            raise Unreachable(_told(error)) from error

    async def look(self, subject: Subject, ref: str) -> Seen | None:
        """The object as it is now."""
        import stripe

        try:
            return await self._look(subject, ref)
        except stripe.InvalidRequestError as error:
            if error.http_status == 404:
                return None
            raise Unreachable(_told(error)) from error
        except Exception as error:
            raise Unreachable(_told(error)) from error

    async def onboarding_link(self, account_ref: str, return_url: str, refresh_url: str) -> OnboardingLink:
        """A fresh link to Stripe's own onboarding page."""
        details = {"configurations": ["recipient"], "return_url": return_url, "refresh_url": refresh_url}
        try:
            link = await self._client.v2.core.account_links.create_async(
                {
                    "account": account_ref,
                    "use_case": {"type": "account_onboarding", "account_onboarding": details},  # type: ignore[typeddict-item]
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

    async def _create_intent(self, params: Any, options: Any) -> Seen:
        return stripe_shapes.payment(_plain(await self._client.v1.payment_intents.create_async(params, options)))

    async def _create_checkout(self, params: Any, options: Any) -> Seen:
        return stripe_shapes.checkout(_plain(await self._client.v1.checkout.sessions.create_async(params, options)))

    async def _close_payment(self, params: Any, options: Any) -> Seen:
        if "checkout" in params:
            expired = await self._client.v1.checkout.sessions.expire_async(
                params["checkout"], {"expand": stripe_orders.SESSION_EXPANSION}, options
            )
            return stripe_shapes.checkout(_plain(expired))
        canceled = await self._client.v1.payment_intents.cancel_async(
            params["intent"],
            {"cancellation_reason": "abandoned", "expand": stripe_orders.INTENT_EXPANSION},
            options,
        )
        return stripe_shapes.payment(_plain(canceled))

    async def _create_transfer(self, params: Any, options: Any) -> Seen:
        return stripe_shapes.transfer(_plain(await self._client.v1.transfers.create_async(params, options)))

    async def _create_refund(self, params: Any, options: Any) -> Seen:
        return stripe_shapes.refund(_plain(await self._client.v1.refunds.create_async(params, options)))

    async def _create_recipient(self, params: Any, options: Any) -> Seen:
        return stripe_shapes.account(_plain(await self._client.v2.core.accounts.create_async(params, options)))

    async def _look(self, subject: Subject, ref: str) -> Seen | None:
        v1 = self._client.v1
        match subject:
            case "payment":
                found = await v1.payment_intents.retrieve_async(ref, {"expand": stripe_orders.INTENT_EXPANSION})
                return stripe_shapes.payment(_plain(found))
            case "checkout":
                session = await v1.checkout.sessions.retrieve_async(ref, {"expand": stripe_orders.SESSION_EXPANSION})
                return stripe_shapes.checkout(_plain(session))
            case "refund":
                found_refund = await v1.refunds.retrieve_async(ref, {"expand": stripe_orders.REFUND_EXPANSION})
                return stripe_shapes.refund(_plain(found_refund))
            case "transfer":
                return stripe_shapes.transfer(_plain(await v1.transfers.retrieve_async(ref)))
            case "account":
                includes: Any = {"include": stripe_orders.ACCOUNT_INCLUDES}
                return stripe_shapes.account(_plain(await self._client.v2.core.accounts.retrieve_async(ref, includes)))

    async def _after_refusal(
        self, kind: Kind, parameters: dict[str, Any], error: "stripe.InvalidRequestError"
    ) -> Done | Refused | Unknown:
        """What a 400 means for each kind. Where the wish may have come true already, the object itself is asked."""
        code = error.code or ""
        if kind == "close_payment":
            subject: Subject = "checkout" if "checkout" in parameters else "payment"
            try:
                seen = await self.look(subject, str(next(iter(parameters.values()))))
            except Unreachable as unreachable:
                return Unknown(str(unreachable))
            return Done(seen) if seen is not None else Unknown(_told(error))
        if kind == "create_refund" and code == "charge_already_refunded":
            try:
                found = await self._find_refund(parameters["payment_intent"], parameters["metadata"]["op_id"])
            except Exception as trouble:
                return Unknown(_told(trouble))
            if found is not None:
                return Done(found)
        LOG.warning("Stripe refused %s: %s", kind, _told(error))
        return Refused(Failure(_refusal(kind, code, error.param), str(error.user_message or "")[:500]))

    async def _find_payment(self, group: str, operation_id: str, since: int) -> Seen | None:
        """By the charges of the milestone first: they are few, and hold whatever money there is."""
        charges = await self._client.v1.charges.list_async({"transfer_group": group, "limit": 100})
        async for charge in _items(charges):
            if _op_of(charge) == operation_id and charge.get("payment_intent"):
                return await self._look("payment", str(charge["payment_intent"]))
        intents = await self._client.v1.payment_intents.list_async({"created": {"gte": since}, "limit": 100})
        async for intent in _items(intents):
            if _op_of(intent) == operation_id:
                return await self._look("payment", intent["id"])
        return None

    async def _find_checkout(self, operation_id: str, since: int) -> Seen | None:
        sessions = await self._client.v1.checkout.sessions.list_async({"created": {"gte": since}, "limit": 100})
        async for session in _items(sessions):
            if _op_of(session) == operation_id:
                return await self._look("checkout", session["id"])
        return None

    async def _find_refund(self, intent_ref: str, operation_id: str) -> Seen | None:
        pages = await self._client.v1.refunds.list_async({"payment_intent": intent_ref, "limit": 100})
        return await _first(_items(pages), operation_id, stripe_shapes.refund)

    async def _find_account(self, operation_id: str) -> Seen | None:
        pages = await self._client.v2.core.accounts.list_async({"limit": 100})
        async for account in _items(pages):
            if _op_of(account) == operation_id:
                return await self._look("account", account["id"])
        return None


def _plain(body: Any) -> Json:
    """A dictionary all the way down: the SDK's objects are none."""
    return dict(body.to_dict())


async def _items(pages: Any) -> AsyncIterator[Json]:
    """Every object of a list, page after page."""
    async for item in pages.auto_paging_iter():
        yield _plain(item)


async def _first(items: AsyncIterator[Json], operation_id: str, shape: Callable[[Json], Seen]) -> Seen | None:
    async for item in items:
        if _op_of(item) == operation_id:
            return shape(item)
    return None


def _op_of(body: Json) -> str | None:
    return stripe_shapes.origin(body).operation_id


def _declined(error: "stripe.CardError") -> Refused:
    """A card was refused; the intent exists all the same and stands in the error."""
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    told = body.get("error") or {}
    intent = told.get("payment_intent")
    reason = stripe_shapes.failure(told) or Failure("card_declined", "The card was declined.")
    return Refused(reason, stripe_shapes.payment(intent) if isinstance(intent, Mapping) else None)


def _refusal(kind: Kind, code: str, param: str | None) -> str:
    """Our word for why Stripe will not do it."""
    if kind in ("create_transfer", "create_refund") and code == "balance_insufficient":
        return "insufficient_balance"
    if kind == "create_transfer" and code in PAYEE_CODES and param in (None, "destination"):
        return "payee_not_ready"
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
