"""Which letters a text may have, asked here by every service.

Joiners (ZERO WIDTH JOINER and NON-JOINER) are part of names and words in many languages and of emoji: they are kept
as they are. What turns the direction of writing, and what else takes no place on a screen, may hide or forge what a
name shows.
"""

from __future__ import annotations

JOINERS = "\u200c\u200d"

# Printable by their category, but nothing is seen of them: fillers, blank braille, selectors.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
}


def is_kept(letter: str) -> bool:
    """Whether a letter may stand in one line of text: what is printed, spaces, and joiners."""
    return letter.isprintable() or letter in JOINERS


def is_one_line(text: str) -> bool:
    """Whether a text is one line: no breaks, no control characters, nothing that turns the direction of writing."""
    return text.isprintable() or all(is_kept(letter) for letter in text)


def shows_something(text: str) -> bool:
    """Whether anything of the text is seen."""
    return any(letter.isprintable() and not letter.isspace() and letter not in _BLANK for letter in text)


def cleaned(text: str, instead: str = "", keep: str = "") -> str:
    """The text with every letter that does not belong into one line replaced by `instead`, but for those in `keep`."""
    if text.isprintable():
        return text
    return "".join(letter if letter in keep or is_kept(letter) else instead for letter in text)
