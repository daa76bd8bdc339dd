"""Named refusals of the domain."""


class PaymentsError(Exception):
    """Anything the payments domain refuses."""


class Unbalanced(PaymentsError):
    """A journal whose debits and credits differ, or that has fewer than two lines, or a line that is not positive."""


class NotHeld(PaymentsError):
    """The payment holds no money that could be settled or returned. Carries the payment's state."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the payment holds no money: it is {state}")
        self.state = state


class SplitDoesNotMatch(PaymentsError):
    """The parts of a settlement do not add up to what the payment holds."""


class CountryIsSettled(PaymentsError):
    """A payout account is asked for in another country than the one it has. Carries country, state and version."""

    def __init__(self, country: str, state: str, version: int) -> None:
        super().__init__(f"the account is made for {country}")
        self.country, self.state, self.version = country, state, version


class NothingToRetry(PaymentsError):
    """What an operator wants to try again was carried out, or is under way."""


class PayeeNotReady(PaymentsError):
    """Money may not be sent to the payee now."""


class RefundStillOut(PaymentsError):
    """A refund broke, and its money has not come back to our balance yet."""


class IllegalTransition(PaymentsError):
    """A fact that cannot happen in this state: a mistake of ours, never of a caller. Names both."""

    def __init__(self, fact: str, state: str) -> None:
        super().__init__(f"{fact} cannot happen while {state}")
