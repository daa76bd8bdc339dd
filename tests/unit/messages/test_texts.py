"""Joiners belong to names and words; what hides or forges them does not."""

import pytest
from skillscoop_messages.texts import cleaned, is_one_line, shows_something

NAMES = ["ශ්\u200dරී", "علی\u200cرضا", "👨\u200d👩\u200d👧", "Zoë O’Neil", "Nguyễn Văn A"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_all_languages_stay_as_they_are(name: str) -> None:
    assert is_one_line(name)
    assert shows_something(name)
    assert cleaned(name) == name


@pytest.mark.parametrize("text", ["\u202egnirts\u202c", "a\u2066b\u2069", "a\nb", "a\x00b", "a\u2028b", "a\u200bb"])
def test_what_turns_or_breaks_a_line_is_no_part_of_a_name(text: str) -> None:
    assert not is_one_line(text)
    assert is_one_line(cleaned(text))


@pytest.mark.parametrize("text", ["", " ", "\u200d", "\u200c\u200c", "\u3164", "\u2800 ", "\ufe0f"])
def test_a_name_of_nothing_shows_nothing(text: str) -> None:
    assert not shows_something(text)
