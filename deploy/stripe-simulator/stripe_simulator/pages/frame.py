"""The frame around every page; it says that this is not Stripe."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f4f5f7; color: #1a1f36; }
header { background: #8a1c1c; color: #fff; padding: .6rem 1rem; text-align: center; font-weight: 600; }
main { max-width: 26rem; margin: 2rem auto; padding: 1.5rem 2rem 2rem; background: #fff; border-radius: .5rem;
  box-shadow: 0 1px 4px #0003; }
label { display: block; margin: .8rem 0 .2rem; }
input { width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; }
button { margin: 1.2rem .5rem 0 0; padding: .6rem 1.2rem; font: inherit; border: 0; border-radius: .3rem;
  background: #1f5f4a; color: #fff; cursor: pointer; } button.second { background: #6b7280; }
.error { background: #fdecea; color: #8a1c1c; padding: .6rem .8rem; border-radius: .3rem; }
.hint { color: #4f566b; font-size: .85rem; } table { font-size: .85rem; color: #4f566b; }
"""


_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    # No word about where a form may lead: browsers hold it against the redirect to the shop as well.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What a browser is told about every page: no scripts, in no frame, and the page's address is told to nobody."""


def page(title: str, content: str, status: int = 200) -> HTMLResponse:
    """A whole page; `content` is HTML whose values are escaped already."""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)} (simulator)</title><style>{_STYLE}</style></head><body>"
        f'<header role="note">This is the Stripe simulator. It is not Stripe, and no money moves.</header>'
        f"<main><h1>{escape(title)}</h1>{content}</main></body></html>",
        status,
        HEADERS,
    )


def error(text: str) -> str:
    """A line that tells what went wrong."""
    return f'<p class="error" role="alert">{escape(text)}</p>'


def button(label: str, action: str = "", second: bool = False) -> str:
    """A button; `action` is the value it sends under the name `action`."""
    named = f' name="action" value="{escape(action)}"' if action else ""
    style = ' class="second"' if second else ""
    return f'<button type="submit"{named}{style}>{escape(label)}</button>'
