"""`python -m skillscoop_disputes --role api|worker|all|migrate`."""

from skillscoop_chassis.process import run_process

from skillscoop_disputes.main import build
from skillscoop_disputes.settings import DisputesSettings

if __name__ == "__main__":
    run_process(build, DisputesSettings)
