"""What a payments process has done before it takes work."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import asyncio, sys
from pathlib import Path
from skillscoop_payments.adapters.stripe import StripeGateway
from skillscoop_payments.domain.operation import Done, Operation
from skillscoop_payments.domain.outgoing_calls import ChargeCall, CheckoutCall, RecipientCall, Tag
from tests.integration.payments.desk import playing_stripe

def loaded():
    return {name for name in sys.modules if name.split(".")[0] == "stripe"}

async def main():
    async with playing_stripe(Path(sys.argv[1])) as stripe:
        gateway = StripeGateway("sk_test_x", stripe.url, timeout=20, connections=2)
        await gateway.open()
        at_start, tag = loaded(), Tag("test", "op_1", "pay_1")
        for kind, call in (
            ("create_intent", ChargeCall(tag, 1_000, "usd", "ms_1", "pm_card_visa", "http://127.0.0.1/")),
            ("create_checkout", CheckoutCall(tag, 1_000, "usd", "ms_1", "words", "http://127.0.0.1/")),
            ("create_recipient", RecipientCall(tag, "US")),
        ):
            outcome = await gateway.send(Operation(kind, kind, gateway.parameters(call), kind))
            assert isinstance(outcome, Done), outcome
        await gateway.poll("account", outcome.snapshot.ref)
        await gateway.onboarding_link(outcome.snapshot.ref, "http://127.0.0.1/", "http://127.0.0.1/")
        await gateway.close()
        # The table of names the SDK keeps is no door of it, and small.
        assert loaded() - at_start <= {"stripe._object_classes"}, loaded() - at_start

asyncio.run(main())
"""


def test_the_sdk_is_loaded_at_the_start_and_not_by_the_first_payment(tmp_path: Path) -> None:
    """Given a process that is ready, when it pays, asks and links for the first time, then nothing is loaded for it."""
    script = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
