"""How people can be reached: their contact, its confirmation by a mailed code, and what is mailed at all."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from skillscoop_chassis.http.problems import Problem
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_id

from skillscoop_notifications.domain.people import CODE_DIGITS, CODE_LIFE, CODE_TRIES, may_send_code
from skillscoop_notifications.repository import people
from skillscoop_notifications.views import Row


@dataclass(frozen=True, slots=True)
class Contact:
    """What a user tells about themselves."""

    email: str | None
    name: str | None
    locale: str
    time_zone: str


async def known_person(tx: Transaction, user_id: str) -> Row:
    """What a user told so far, or the defaults; writes nothing."""
    row = await people.find_person(tx, user_id)
    now = tx.now()
    nothing: dict[str, Any] = {
        "user_id": user_id,
        "email": None,
        "email_confirmed_at": None,
        "name": None,
        "locale": "en",
        "time_zone": "UTC",
        "mail": {},
        "mail_version": 0,
        "version": 0,
        "created_at": now,
        "updated_at": now,
    }
    return nothing if row is None else row


async def change_contact(tx: Transaction, known: Row, contact: Contact) -> tuple[Row, bool]:
    """Write a user's contact; the row, and whether a code was put on its way.

    An address counts from its confirmation on: a changed one gets a code, sent again when an unconfirmed one is told
    again. Raises Problem too_many_codes (429) above five codes an hour.
    """
    changes: dict[str, Any] = {
        "email": contact.email,
        "name": contact.name,
        "locale": contact.locale,
        "time_zone": contact.time_zone,
        "version": known["version"] + 1,
    }
    same = contact.email == known["email"]
    if not same:
        changes |= {"email_confirmed_at": None, "code": None, "code_expires_at": None}
    sends = contact.email is not None and not (same and known["email_confirmed_at"] is not None)
    if sends:
        changes |= await _send_code(tx, known, str(contact.email))
    return await people.change_person(tx, known["user_id"], changes), sends


async def _send_code(tx: Transaction, known: Row, address: str) -> dict[str, Any]:
    wall = tx.wall()
    if not may_send_code(known["codes_sent"], known["codes_since"], wall):
        raise Problem(
            "too_many_codes", "Enough codes were sent for now; please try later.", headers={"Retry-After": "3600"}
        )
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    await people.add_deliveries(
        tx,
        [
            {
                "id": new_id("dlv"),
                "user_id": known["user_id"],
                "template": "code",
                "address": address,
                "data": {"code": code},
                "created_at": wall,
                "state": "pending",
                "due_at": wall,
                "attempts": 0,
            }
        ],
    )
    afresh = known["codes_since"] is None or wall - known["codes_since"] >= timedelta(hours=1)
    return {
        "code": _hashed(known["user_id"], code),
        "code_expires_at": wall + CODE_LIFE,
        "code_tries": 0,
        "codes_sent": 1 if afresh else known["codes_sent"] + 1,
        "codes_since": wall if afresh else known["codes_since"],
    }


def _hashed(user_id: str, code: str) -> str:
    return hashlib.sha256(f"{user_id}\n{code}".encode()).hexdigest()


async def confirm_contact(tx: Transaction, user_id: str, code: str) -> Row | None:
    """Confirm the address with the code that was mailed to it; None when the code is wrong, which is counted.

    Raises Problem code_expired (409) when no code is out: none was sent, it is too old, or it was guessed at too
    often. Confirming once more with the same code changes nothing.
    """
    row = await people.find_person(tx, user_id, lock=True)
    if row is None or row["code"] is None or row["code_expires_at"] <= tx.wall() or row["code_tries"] >= CODE_TRIES:
        raise Problem("code_expired", "No code is waiting to be confirmed; save your contact again to get a new one.")
    if not hmac.compare_digest(row["code"], _hashed(user_id, code)):
        await people.change_person(tx, user_id, {"code_tries": row["code_tries"] + 1})
        return None
    if row["email_confirmed_at"] is not None:
        return row
    confirmed = {"email_confirmed_at": tx.now(), "version": row["version"] + 1}
    return await people.change_person(tx, user_id, confirmed)


async def choose_mail(tx: Transaction, known: Row, choices: Mapping[str, bool]) -> Row:
    """Write which kinds a user wants mailed; kinds not named keep what was chosen before."""
    chosen = {**known["mail"], **choices}
    return await people.change_person(tx, known["user_id"], {"mail": chosen, "mail_version": known["mail_version"] + 1})
