"""The quickstart, run as it is written."""

from __future__ import annotations

import json
import re
import subprocess

from tests.support.installation import PATIENCE, PROGRAM, ROOT, Installation


def test_quickstart_runs_as_it_is_written(skillscoop: Installation) -> None:
    """Given the blocks of docs/quickstart.md, when they are run in order, then Grace has her money."""
    _, url = skillscoop.up()
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "quickstart.md").read_text(), flags=re.DOTALL)
    script = "set -eu\n" + "\n".join(blocks)
    script = script.replace("http://127.0.0.1:8080", url).replace("./skillscoop ", f"'{PROGRAM}' ")
    done = subprocess.run(
        ["bash", "-c", script],
        env=skillscoop.environment(), cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
    ledger = json.loads(done.stdout[done.stdout.rindex('{"object":"ledger"') :])
    assert ledger["charged"]["amount"] == 12_500
    assert ledger["released"]["amount"] + ledger["fees"]["amount"] == 12_500
