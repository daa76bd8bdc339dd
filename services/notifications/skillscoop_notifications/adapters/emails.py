"""From a stored delivery to an e-mail: subject, HTML and plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = files(__package__) / "templates"


@dataclass(frozen=True, slots=True)
class Email:
    """A mail to one address. `id` is the same at every attempt, so a receiver can recognise a repeated one."""

    id: str
    to: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Pair:
    html: Template
    text: Template


Write = Callable[[str, str, str, Mapping[str, Any]], Email]


def email_writer(link_base: str | None) -> Write:
    """A function (delivery id, address, template, data) -> E-mail; each template is compiled once, when first used.

    Values are escaped in the HTML. `link_base` is the address of the pages people use, without a final slash; None
    leaves links out.
    """

    def write(id_: str, to: str, template: str, data: Mapping[str, Any]) -> Email:
        said = _code_words(data) if template == "code" else _notice_words(data, link_base)
        pair = _compiled(template)
        return Email(id_, to, said["title"], pair.text.render(said), pair.html.render(said))

    return write


@cache
def _compiled(name: str) -> _Pair:
    # Imported when the first mail is written: most processes never write one, and keep their memory.
    import mrml
    from jinja2 import Environment, StrictUndefined

    # MJML becomes HTML while it still holds the template's own tags; values are filled in, escaped, for each mail.
    html = mrml.to_html((_FOLDER / f"{name}.mjml").read_text("utf-8")).content
    text = (_FOLDER / f"{name}.txt").read_text("utf-8")
    return _Pair(
        Environment(autoescape=True, undefined=StrictUndefined).from_string(html),
        Environment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True).from_string(text),  # noqa: S701 - plain text has no markup
    )


def _notice_words(data: Mapping[str, Any], link_base: str | None) -> dict[str, Any]:
    contract = data.get("contract_id")
    return {
        "title": data["title"],
        "paragraphs": [line for line in str(data["body"]).split("\n") if line.strip()],
        "kind": data["kind"],
        "link": f"{link_base}/contracts/{contract}" if link_base and contract else None,
    }


def _code_words(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"title": "Please confirm your mail address", "code": data["code"]}
