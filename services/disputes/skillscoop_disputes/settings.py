"""Every environment variable of the disputes service."""

from pydantic import Field
from skillscoop_chassis.http.limits import Rate
from skillscoop_chassis.settings import ServiceSettings


class DisputesSettings(ServiceSettings):
    """What the process needs, and how large a file of evidence may be, in bytes.

    CAP_WITHDRAWN_DISPUTES: who withdrew so many about one contract files no other one in that time.
    """

    cap_withdrawn_disputes: Rate = "3 per 30 day"
    evidence_max_bytes: int = Field(default=5_000_000, ge=1_000, le=50_000_000)
