"""Every environment variable of the reviews service."""

from skillscoop_chassis.settings import ServiceSettings


class ReviewsSettings(ServiceSettings):
    """What the process needs; this service has nothing beyond what every service has."""
