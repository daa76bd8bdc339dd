"""What comes in as evidence: a file or a text, with its type read from its own bytes."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from skillscoop_chassis.http.problems import Problem, invalid
from skillscoop_messages.texts import cleaned, shows_something
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

LONGEST_NAME = 120
TEXT = "text/plain; charset=utf-8"
UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
)


TYPES = ("text/plain", *(kind for _, _, kind in _SIGNATURES), UNKNOWN)
"""Every type that evidence comes back with."""


@dataclass(frozen=True)
class Piece:
    """A text or file as it came in."""

    name: str
    type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The content's hash in hex."""
        return hashlib.sha256(self.content).hexdigest()


def text_piece(text: str) -> Piece:
    """A text as a piece of evidence."""
    return Piece("text.txt", TEXT, text.encode())


async def file_piece(request: Request, limit: int) -> Piece:
    """The one file of a multipart body, in its field `file`.

    Raises Problem: body_malformed (400), invalid_request (422) without or with an empty file, body_too_large (413)
    past `limit` bytes.
    """
    try:
        async with request.form(max_files=1, max_fields=1) as form:
            sent = form.get("file")
            if not isinstance(sent, UploadFile) or len(form) != 1:
                raise invalid("/file", "required", "Send exactly one part, the file, named `file`.")
            content = await sent.read(limit + 1)
            name = safe_name(sent.filename or "")
    except MultiPartException as error:
        raise Problem("body_malformed", "The multipart body cannot be read.") from error
    if len(content) > limit:
        raise Problem("body_too_large", "The file is larger than evidence may be.")
    if not content:
        raise invalid("/file", "too_short", "The file is empty.")
    return Piece(name, sniffed_type(content), content)


def sniffed_type(content: bytes) -> str:
    """The media type the bytes themselves speak for; what the sender or the file's name claims counts for nothing."""
    for offset, signature, media_type in _SIGNATURES:
        if content.startswith(signature, offset):
            return media_type
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return UNKNOWN
    return UNKNOWN if "\x00" in text else TEXT


def safe_name(name: str) -> str:
    """A file name without folders, control characters and excess length."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    printable = cleaned(last).strip(" .")[-LONGEST_NAME:]
    return printable if shows_something(printable) else "evidence"


def attachment_headers(name: str) -> dict[str, str]:
    """Headers that make a browser save the file and never show or run it."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
