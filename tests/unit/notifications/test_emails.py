"""E-mails: both parts say the same, markup is escaped, and nothing gets into a header."""

from datetime import UTC, datetime

import pytest
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
)
from skillscoop_notifications.adapters.emails import email_writer
from skillscoop_notifications.adapters.mail import Delayed, Outcome, Refused, mime_of
from skillscoop_notifications.adapters.smtp import outcome_of, smtp_mailer

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
EVIL = "<script>alert('1')</script> & \"more\""


def notice(**changes: str | None) -> dict[str, str | None]:
    return {
        "title": "Ada released",
        "body": "One.\n\nTwo.",
        "kind": "milestone.released",
        "contract_id": "ctr_1",
        **changes,
    }


def test_markup_people_wrote_is_escaped_in_the_html_and_kept_in_the_text() -> None:
    email = email_writer(None)("dlv_1", "ada@example.org", "notice", notice(title=EVIL, body=EVIL))
    assert "<script" not in email.html
    assert "&lt;script&gt;" in email.html
    assert EVIL in email.text


def test_both_parts_hold_every_paragraph_and_the_link_where_there_is_one() -> None:
    email = email_writer("https://app.example.org")("dlv_1", "ada@example.org", "notice", notice())
    for part in (email.html, email.text):
        assert "One." in part
        assert "Two." in part
        assert "https://app.example.org/contracts/ctr_1" in part
        assert "{{" not in part
    assert "https://" not in email_writer(None)("dlv_1", "a@b.org", "notice", notice()).text


def test_the_code_stands_in_both_parts() -> None:
    email = email_writer(None)("dlv_1", "ada@example.org", "code", {"code": "01234567"})
    assert "01234567" in email.html
    assert "01234567" in email.text
    assert "01234567" not in email.subject


def test_a_message_has_two_parts_and_the_same_id_at_every_attempt() -> None:
    email = email_writer(None)("dlv_1", "ada@example.org", "notice", notice(title="“Überarbeitung” 已"))
    message = mime_of(email, "SkillScoop <no-reply@example.org>", NOON)
    assert message["Message-ID"] == "<dlv_1@example.org>"
    assert message["Subject"] == "“Überarbeitung” 已"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SMTPRecipientsRefused([SMTPRecipientRefused(550, "no ada here", "ada@example.org")]), Refused("smtp_550")),
        (
            SMTPRecipientsRefused([SMTPRecipientRefused(450, "later, ada", "ada@example.org")]),
            Delayed("smtp_recipient_later"),
        ),
        (SMTPDataError(554, "ada@example.org looks like spam"), Refused("smtp_554")),
        (SMTPDataError(451, "busy"), Delayed("smtp_451")),
        (SMTPAuthenticationError(535, "who are you"), Delayed("smtp_535")),
        (SMTPConnectError("refused"), Delayed("smtp_unreachable")),
        (ConnectionResetError(), Delayed("smtp_unreachable")),
    ],
)
def test_what_a_server_says_becomes_a_code_without_any_address(error: Exception, outcome: Outcome) -> None:
    assert outcome_of(error) == outcome


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "smtp://user:pass@mail"])
def test_a_mail_server_address_that_cannot_be_used_is_refused_at_start(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL"):
        smtp_mailer(url, "a@b.org", lambda: NOON)
