"""The plain database layer stands without the modules that lean on private names."""

from __future__ import annotations

import subprocess
import sys

PRIVATE = ("exchange", "execution", "pool", "postgres", "sqlite")


def test_the_plain_layer_loads_nothing_that_leans_on_private_names() -> None:
    """Given a fresh interpreter, when a database is opened on the plain layer, then none of those modules is loaded."""
    program = (
        "import sys\n"
        "from skillscoop_chassis.sql.database import open_database\n"
        "from skillscoop_messages.clock import system_clocks\n"
        "open_database('postgresql://nobody@127.0.0.1:1/none', 'contracts', system_clocks(), layer='plain')\n"
        "print(' '.join(name for name in sys.modules if name.startswith('skillscoop_chassis.sql.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert {f"skillscoop_chassis.sql.{name}" for name in PRIVATE} & set(done.stdout.split()) == set()
