"""Where people may be sent back to."""

import pytest
from pydantic import TypeAdapter, ValidationError
from skillscoop_chassis.http.return_urls import Origins, may_return_to

OURS = ("https://app.example", "https://[2001:db8::1]:8443")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://app.example", True),
        ("https://app.example/a?b=c#d", True),
        ("https://APP.example:443/", True),
        ("https://[2001:db8::1]:8443/x", True),
        ("http://app.example/", False),
        ("https://app.example:444/", False),
        ("https://user@app.example/", False),
        ("https://user:word@app.example/", False),
        ("https://@app.example/", False),
        ("https://app.example@evil.example/", False),
        ("https://app.example.evil.example/", False),
        ("https://evil.example\\@app.example/", False),
        ("https://evil.example/https://app.example/", False),
        ("https:\t//app.example/", False),
        ("//app.example/", False),
        ("/app.example", False),
        ("javascript:alert(1)//https://app.example/", False),
        ("https://app.example:port/", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_only_named_origins_are_returned_to(url: str, allowed: bool) -> None:
    assert may_return_to(url, OURS, production=True) is allowed


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/", "http://[::1]:3000/"])
def test_this_machine_is_returned_to_outside_production_only(url: str) -> None:
    assert may_return_to(url, (), production=False)
    assert not may_return_to(url, (), production=True)


def test_an_origin_is_a_scheme_and_a_host_and_nothing_else() -> None:
    read = TypeAdapter(Origins).validate_python
    assert read("https://app.example/, https://Other.Example:443") == ("https://app.example", "https://other.example")
    for wrong in (
        "app.example",
        "javascript:x",
        "https://a@b.example",
        "https://a.example/path",
        "https://a.example?x",
    ):
        with pytest.raises(ValidationError):
            read(wrong)
