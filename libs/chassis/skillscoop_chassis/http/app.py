"""The application of one service: routers, the edge around them, problems for every error, a complete API document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response

from skillscoop_chassis.health import HttpMetrics, health_routes
from skillscoop_chassis.http.bodies import BodyRule
from skillscoop_chassis.http.cors import Cors
from skillscoop_chassis.http.edge import Edge, problem_for, problem_response
from skillscoop_chassis.http.idempotency import Replayed
from skillscoop_chassis.http.limits import FloodLimits
from skillscoop_chassis.http.openapi import complete_document
from skillscoop_chassis.http.problems import Problem, invalid_fields, not_found
from skillscoop_chassis.identity import KeySource, TokenVerifier, keys_from_file, keys_from_url

if TYPE_CHECKING:
    from skillscoop_chassis.service import Service
    from skillscoop_chassis.settings import ServiceSettings


def token_verifier(settings: ServiceSettings, service: Service) -> TokenVerifier:
    """The verifier that the settings describe, on the wall clock."""
    fetch = keys_from_file(settings.jwks_file) if settings.jwks_file else keys_from_url(str(settings.jwks_url))
    return TokenVerifier(
        KeySource(fetch, service.clocks.wall, fresh_seconds=settings.jwks_refresh_seconds),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        roles_claim=settings.jwt_roles_claim,
        wall=service.clocks.wall,
        types=settings.jwt_types,
        leeway_seconds=settings.jwt_leeway_seconds,
        max_ahead_seconds=settings.jwt_max_ahead_seconds,
    )


def flood_limits(settings: ServiceSettings, service: Service) -> FloodLimits | None:
    """The flood limits that the settings describe, on the wall clock; None when they are switched off."""
    if not settings.limits_on:
        return None
    rates = {
        "reads": settings.rate_reads,
        "writes": settings.rate_writes,
        "anonymous": settings.rate_anonymous,
        "refused": settings.rate_refused,
    }
    return FloodLimits(rates, service.clocks.wall, settings.trusted_proxies)


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(
    service: Service,
    routers: Sequence[APIRouter],
    public: tuple[str, ...] = (),
    *,
    bodies: Sequence[BodyRule] = (),
    version: str = "0.1.0",
) -> FastAPI:
    """The application of `service`.

    `public` are path patterns that need no token (`/v1/policy`, `/v1/users/{id}/rating`, `/webhooks/*`,
    `/v1/stream?ticket=`); a token sent there is still looked at. `bodies` are paths with another size or kind of body.
    Operators' routes and health are added. Function names become operation ids, so they must be unique.
    """
    app = FastAPI(
        title=f"SkillScoop {service.name}",
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.service = service
    for router in routers:
        app.include_router(router, tags=None if router.tags else [service.name])
    from skillscoop_chassis.admin import admin_router

    app.include_router(admin_router(service.name), tags=["operators"])
    app.router.routes.extend(health_routes(service.vitals))
    _handle_errors(app, service)
    service.limits = service.limits or flood_limits(service.settings, service)
    metrics = HttpMetrics(service.name, service.vitals.registry)
    app.add_middleware(
        Edge,
        verifier=service.verifier or token_verifier(service.settings, service),
        database=service.database,
        metrics=metrics,
        public=public,
        bodies=bodies,
        cors=Cors(service.settings.cors_origins),
        limits=service.limits,
    )
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = complete_document(describe(), app, public)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    service.app = app
    return app


def _handle_errors(app: FastAPI, service: Service) -> None:
    async def on_problem(request: Request, error: Exception) -> Response:
        return problem_response(request, problem_for(error, service.database))

    async def on_replay(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Replayed)
        return error.response

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(request, invalid_fields(error.errors()))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(request, _from_http(request, error))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Replayed, on_replay)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def methods_of(app: FastAPI, path: str) -> list[str]:
    """The methods that some route of `app` takes on `path`, sorted."""
    contexts = iter_route_contexts(app.routes)
    fitting = (one for one in contexts if one.path_regex is not None and one.path_regex.match(path))
    return sorted({method for one in fitting for method in one.methods or ()})


def _from_http(request: Request, error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return not_found()
    if error.status_code == 405:
        # Each method is a route of its own, and the framework names only those of the first one that fits the path.
        headers["Allow"] = ", ".join(methods_of(request.app, request.scope["path"]))
        return Problem("method_not_allowed", "This path does not take that method.", headers=headers)
    if error.status_code == 413:
        return Problem("body_too_large", "The body is larger than this path takes.", headers=headers)
    return Problem("body_malformed", "The request cannot be read.", headers=headers)
