"""The one address of the embedded form: what it shows a browser."""

from __future__ import annotations

from typing import Any

import pytest
from skillscoop_cli.docs_page import HEADERS, asset_at
from skillscoop_cli.documents.applications import applications
from skillscoop_cli.embedded.gateway import Front

from tests.edges.asking import ask


@pytest.fixture(scope="module")
def front() -> Any:
    """The front of services that are built and not running."""
    return Front(applications(), _nobody, "http://127.0.0.1:8080")


async def _nobody(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("nothing here is for the simulator")


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"])
async def test_the_api_can_be_read_in_a_browser(front: Any, path: str) -> None:
    """Given the embedded form, when a browser opens /docs, then the page and all it needs come from there."""
    answer, asset = await ask(front, "GET", path), asset_at(path)

    assert asset is not None
    assert (answer.status, answer.content, answer.header("content-type")) == (200, asset.content, asset.media_type)
    assert {name: answer.header(name) for name in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml", "*/*"])
async def test_the_front_page_links_the_api(front: Any, accept: str) -> None:
    """Given a browser or curl, when it opens the front page, then it finds the way to the API in a form it can show."""
    answer = await ask(front, "GET", "/", headers=[("Accept", accept)])

    assert answer.status == 200
    assert ('href="/docs"' if "html" in accept else "http://127.0.0.1:8080/docs") in answer.text
    assert answer.header("x-frame-options") == "DENY"
