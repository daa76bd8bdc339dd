"""`python -m skillscoop_contracts --role api|worker|all|migrate`."""

from skillscoop_chassis.process import run_process

from skillscoop_contracts.main import build
from skillscoop_contracts.settings import ContractsSettings

if __name__ == "__main__":
    run_process(build, ContractsSettings)
