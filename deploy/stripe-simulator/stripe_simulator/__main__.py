"""The standalone form: `python -m stripe_simulator`, set by the environment."""

import logging
import sys

import uvicorn

from stripe_simulator.app import create_app
from stripe_simulator.settings import from_environment


def main() -> int:
    """Serve until told to stop. Exit code 2 when a setting cannot be read."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    try:
        host, port, settings = from_environment()
    except ValueError as error:
        logging.getLogger("stripe_simulator").error("%s", error)
        return 2
    uvicorn.run(create_app(settings), host=host, port=port, access_log=False, timeout_graceful_shutdown=5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
