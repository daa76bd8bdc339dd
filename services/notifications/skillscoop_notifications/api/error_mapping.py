"""The problem codes of this service."""

from skillscoop_chassis.http.problems import register_codes

register_codes(
    {
        "code_wrong": (422, "The code is not right", "Another code was mailed to the address; five tries are allowed."),
        "code_expired": (
            409,
            "No code is waiting",
            "None was sent, it is older than 24 hours, or was tried too often.",
        ),
        "too_many_codes": (429, "Too many codes", "At most five confirmation codes are mailed to one user in an hour."),
        "too_many_messages": (
            429,
            "Too many messages",
            "Only so many messages may be written to somebody who has not yet taken part in the contract.",
        ),
        "too_many_streams": (429, "Too many streams", "At most twenty live streams of one user are open at a time."),
    }
)
