"""The page that shows the API: what lies there is what was taken over, and it asks nobody else for anything."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from skillscoop_cli import docs_page

FOLDER = Path(docs_page.__file__).parent


def test_vendored_files_are_those_that_were_pinned() -> None:
    """Given the checksums beside the files, when the files are hashed, then nothing has changed and nothing is new."""
    pinned = dict(reversed(line.split("  ")) for line in (FOLDER / "checksums.txt").read_text().splitlines())
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in FOLDER.iterdir()
        if file.suffix in (".js", ".css", ".html")
    }

    assert found == pinned


def test_page_loads_its_own_files_only() -> None:
    """Given the page, then every address in it is ours and is served, and scripts of other sites are forbidden."""
    page = (FOLDER / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert [path for path in loaded if path.startswith("/docs/") and docs_page.asset_at(path) is None] == []
    assert {path for path in loaded if not path.startswith("/docs/")} == {"data:,", "/openapi.json"}
    assert "script-src 'self';" in docs_page.HEADERS["content-security-policy"]
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/docs/README.md", "/docs/__init__.py", "/docs/../secrets.json", "/docsx", "/doc"])
def test_nothing_else_is_served(path: str) -> None:
    assert docs_page.asset_at(path) is None
