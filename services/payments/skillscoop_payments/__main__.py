"""`python -m skillscoop_payments --role api|worker|all|migrate`."""

from skillscoop_chassis.process import run_process

from skillscoop_payments.main import build
from skillscoop_payments.settings import PaymentsSettings

if __name__ == "__main__":
    run_process(build, PaymentsSettings)
