"""The development issuer's public keys over HTTP, for services that run in processes of their own."""

from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def application(jwks: bytes) -> Starlette:
    """Answers /.well-known/jwks.json with the key set, and /livez."""

    async def keys(_: Request) -> Response:
        return Response(jwks, media_type="application/jwk-set+json")

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/.well-known/jwks.json", keys), Route("/livez", livez)])


def serve(jwks: Path, host: str, port: int) -> None:
    """Serve the key set of the file until SIGTERM or SIGINT."""
    uvicorn.run(application(jwks.read_bytes()), host=host, port=port, log_level="warning", server_header=False)
