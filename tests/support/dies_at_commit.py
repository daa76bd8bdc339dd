"""The example service in a process that kills itself at a commit.

`python dies_at_commit.py URL JWKS_FILE PORT before|after|never`
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from skillscoop_chassis.process import serve
from skillscoop_chassis.sql.connections import Connections
from skillscoop_chassis.sql.execution import Checkout

from tests.support.example import build, settings_for


class Dying:
    """The connections of a database whose process dies at its first commit."""

    def __init__(self, real: Connections, when: str) -> None:
        self._real = real
        self._when = when
        self.dialect = real.dialect
        self.begin, self.rollback, self.release = real.begin, real.rollback, real.release
        self.read, self.end_read, self.close = real.read, real.end_read, real.close

    async def commit(self, taken: Checkout) -> None:
        """Die before or after the commit reached the database."""
        if self._when == "after":
            await self._real.commit(taken)
        os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until the first commit."""
    url, jwks, port, when = sys.argv[1:]
    service = build(settings_for(url, Path(jwks), port=int(port)))
    if when != "never":
        service.database._connections = Dying(service.database._connections, when)
    asyncio.run(serve(service, "api"))


if __name__ == "__main__":
    main()
