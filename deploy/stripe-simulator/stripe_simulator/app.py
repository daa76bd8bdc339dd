"""The composition root: the ASGI application, and what runs beside it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stripe_simulator import control, timers
from stripe_simulator.http.api import Api
from stripe_simulator.http.breakage import OUTER_SEND
from stripe_simulator.pages.checkout import CheckoutPages
from stripe_simulator.pages.frame import page
from stripe_simulator.pages.onboarding import OnboardingPages
from stripe_simulator.settings import NOT_STRIPE, SimulatorSettings
from stripe_simulator.store import Store
from stripe_simulator.webhooks.courier import Courier

_log = logging.getLogger("stripe_simulator")


class Simulator(Starlette):
    """The ASGI application. It answers only while `running` is entered; mounted below a path it needs that by hand."""

    def __init__(self, settings: SimulatorSettings, now: Callable[[], datetime] | None) -> None:
        self.settings = settings
        self.now = now
        self.entered = 0
        super().__init__(lifespan=running, middleware=[Middleware(_SaysWhatItIs)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, remembering the server's own way to send."""
        scope[OUTER_SEND] = send
        await super().__call__(scope, receive, send)


def create_app(settings: SimulatorSettings, now: Callable[[], datetime] | None = None) -> Simulator:
    """The application; `now` is the business clock in UTC (default: the wall clock plus what was advanced).

    Nothing is opened yet: that is done by `running`, which a server enters through the lifespan.
    """
    return Simulator(settings, now)


@asynccontextmanager
async def running(app: Simulator) -> AsyncIterator[None]:
    """Open the file, take up waiting deliveries, and answer until the block ends. Entering twice is harmless."""
    app.entered += 1
    if app.entered > 1:
        try:
            yield
        finally:
            app.entered -= 1
        return
    store = Store(app.settings, app.now, timers.fire)
    with store.transaction() as tx:
        control.begin(tx)
    courier = Courier(store)
    app.router.routes[:] = _routes(store, courier)
    _log.warning("Stripe simulator at %s: %s. No money moves.", app.settings.public_url, NOT_STRIPE)
    delivering = asyncio.create_task(courier.run())
    try:
        yield
    finally:
        app.entered -= 1
        app.router.routes.clear()
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering
        store.close()


def _routes(store: Store, courier: Courier) -> list[Route]:
    api = Api(store, courier.wake)
    checkout = CheckoutPages(store, courier.wake)
    onboarding = OnboardingPages(store, courier.wake)
    return [
        Route("/v{version:int}/{rest:path}", api.answer, methods=["GET", "POST", "DELETE"]),
        *control.routes(store, courier.wake),
        Route("/checkout/{id}", checkout.show),
        Route("/checkout/{id}", checkout.pay, methods=["POST"]),
        Route("/challenge/{id}", checkout.show_challenge),
        Route("/challenge/{id}", checkout.answer_challenge, methods=["POST"]),
        Route("/onboarding/{token}", onboarding.show),
        Route("/onboarding/{token}", onboarding.complete, methods=["POST"]),
        Route("/", _front),
    ]


async def _front(request: Request) -> Response:
    return page("Stripe simulator", "<p>The API answers under <code>/v1</code> and <code>/v2</code>.</p>")


class _SaysWhatItIs:
    """Puts the header that tells the truth on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = (b"x-stripe-simulator", NOT_STRIPE.encode())
                message["headers"] = [*message.get("headers", ()), told]
            await send(message)

        await self._app(scope, receive, marked)
