"""The API shown in a browser, from files that lie here: nothing is fetched from anywhere else."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
"""What a browser is told about each of our own pages: no scripts but ours, in no frame, and no word to other sites."""

_FILES: Mapping[str, tuple[str, str]] = {
    "/docs": ("index.html", "text/html; charset=utf-8"),
    "/docs/": ("index.html", "text/html; charset=utf-8"),
    "/docs/start.js": ("start.js", "text/javascript; charset=utf-8"),
    "/docs/swagger-ui.css": ("swagger-ui.css", "text/css; charset=utf-8"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
}


class Asset(NamedTuple):
    """A file and its media type."""

    content: bytes
    media_type: str


def asset_at(path: str) -> Asset | None:
    """What lies at `/docs` and below, None where nothing does."""
    return _read(path) if path in _FILES else None


@cache
def _read(path: str) -> Asset:
    name, media_type = _FILES[path]
    return Asset((files(__package__) / name).read_bytes(), media_type)


def nginx_locations(folder: str = "/etc/nginx/docs") -> str:
    """The same for the gateway: an nginx include that serves the files from `folder`, and links them from `/`."""
    headers = "".join(f'    add_header {name} "{value}" always;\n' for name, value in HEADERS.items())
    common = f"    include /etc/nginx/skillscoop/headers.conf;\n{headers}"
    head = "<!doctype html><html lang=en><meta charset=utf-8><title>SkillScoop</title>"
    link = f"{head}<p>SkillScoop: <a href=/docs>the API</a>."
    told = [
        "# Generated from skillscoop_cli.docs_page; a test refuses a stale copy.\n",
        f"location = / {{\n{common}    default_type text/html;\n    return 200 '{link}';\n}}\n",
    ]
    for path, (name, media_type) in _FILES.items():
        if path.endswith("/"):
            told.append(f"location = {path} {{ rewrite ^ {path.rstrip('/')} last; }}\n")
            continue
        kind = media_type.partition(";")[0]
        told.append(
            f"location = {path} {{\n{common}    types {{ }}\n    default_type {kind};\n    charset utf-8;\n"
            f"    charset_types {kind};\n    alias {folder}/{name};\n}}\n"
        )
    return "".join(told)
