"""The policy, as others learn of it."""

from dataclasses import asdict

from skillscoop_messages.events import contracts as events

from skillscoop_contracts.domain.policy import Policy


def policy_terms(policy: Policy) -> events.PolicyTerms:
    """A policy as others learn it."""
    document = asdict(policy)
    return events.PolicyTerms(**{**document, "hold_warning_days": list(policy.hold_warning_days)})


def policy_published(policy: Policy) -> events.PolicyPublished:
    """A new policy version counts from now on."""
    return events.PolicyPublished(policy=policy_terms(policy))
