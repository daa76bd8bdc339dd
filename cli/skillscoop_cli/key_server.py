"""The development issuer's public keys over HTTP, for services that run in processes of their own."""

import asyncio
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def application(jwks: Path) -> Starlette:
    """Answers /.well-known/jwks.json with the key set as the file holds it then, and /livez."""

    async def keys(_: Request) -> Response:
        return Response(await asyncio.to_thread(jwks.read_bytes), media_type="application/jwk-set+json")

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/.well-known/jwks.json", keys), Route("/livez", livez)])


def serve(jwks: Path, host: str, port: int) -> None:
    """Serve the key set of the file until SIGTERM or SIGINT. Raises OSError when there is no such file."""
    jwks.read_bytes()
    uvicorn.run(application(jwks), host=host, port=port, log_level="warning", server_header=False)
