"""Clients that public generators make of the API document, and a whole story told through one."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.installation import PATIENCE, ROOT, Installation

DOCUMENT = ROOT / "docs" / "openapi.json"
PROGRAMS = Path(sys.executable).parent
NAME = "generated_skillscoop"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an importable client, made with every warning an error."""
    folder = tmp_path_factory.mktemp("client")
    config = folder / "config.yaml"
    config.write_text("post_hooks: []\n")
    done = subprocess.run(
        [PROGRAMS / "openapi-python-client", "generate", "--path", DOCUMENT, "--meta", "none", "--fail-on-warning",
         "--config", config, "--output-path", folder / NAME],
        capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield NAME
    sys.path.remove(str(folder))


class Caller:
    """Somebody with a generated client. An answer that is no success fails the test."""

    def __init__(self, package: str, url: str, token: str) -> None:
        self._package = package
        self._client = importlib.import_module(package).AuthenticatedClient(base_url=url, token=token)

    def model(self, name: str, document: dict[str, Any]) -> Any:
        """A model of the client from a JSON document."""
        return getattr(importlib.import_module(f"{self._package}.models"), name).from_dict(document)

    def call(self, operation: str, *ids: str, **given: Any) -> Any:
        """The answer to an operation, `contracts.fund_milestone` for example, and its ETag as `etag` beside it."""
        module = importlib.import_module(f"{self._package}.api.{operation}")
        answer = module.sync_detailed(*ids, client=self._client, **given)
        assert answer.status_code < 300, (operation, answer.status_code, answer.content)
        assert answer.parsed is not None, operation
        return answer.parsed, answer.headers.get("etag")


def until(look: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
    """Look until it fits; what was seen then."""
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if fits(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)


def test_generated_client_tells_a_whole_story(generated: str, skillscoop: Installation) -> None:
    """Given a client made from the document, when two people agree, pay, deliver, release, complete and review with
    it and nothing else, then the ledger says that every cent arrived."""
    _, url = skillscoop.up()
    ada, grace = (Caller(generated, url, skillscoop.run("token", who).stdout.strip()) for who in ("ada", "grace"))

    account = {"country": "US"}
    grace.call("payout_accounts.open_payout_account", body=grace.model("PayoutAccountRequest", account))
    link, _ = grace.call("payout_accounts.make_onboarding_link", body=grace.model("OnboardingLinkRequest", {}))
    httpx2.post(link.url)

    draft = {"title": "A logo", "freelancer_id": "grace", "currency": "usd"}
    draft |= {"milestones": [{"description": "The logo", "amount": 12_500}]}
    contract, _ = ada.call("contracts.create_contract", body=ada.model("CreateContractRequest", draft))
    ada.call("contracts.send_contract", contract.id)
    _, seen = grace.call("contracts.get_contract", contract.id)
    grace.call(
        "contracts.approve_contract", contract.id, body=grace.model("ApproveRequest", {"revision": 1}), if_match=seen
    )

    milestone = contract.milestones[0].id
    fund = ada.model("FundRequest", {"amount": 12_500, "revision": 1, "method": "pm_card_visa"})
    ada.call("contracts.fund_milestone", milestone, body=fund, idempotency_key=str(uuid4()))

    def state() -> str:
        return str(ada.call("contracts.get_milestone", milestone)[0].state)

    until(state, "funded".__eq__)
    until(lambda: grace.call("payout_accounts.get_my_payout_account")[0].state, lambda found: found == "active")
    grace.call("contracts.submit_milestone", milestone, body=grace.model("SubmitRequest", {"note": "Ready."}))
    _, seen = ada.call("contracts.get_milestone", milestone)
    release = ada.model("ReleaseRequest", {"amount": 12_500})
    ada.call("contracts.release_milestone", milestone, body=release, if_match=seen, idempotency_key=str(uuid4()))
    until(state, "released".__eq__)

    ada.call("contracts.complete_contract", contract.id)
    review = ada.model("ReviewRequest", {"rating": 5, "text": "Good work."})

    def reviewed() -> bool:
        module = importlib.import_module(f"{generated}.api.reviews.put_review")
        return bool(module.sync_detailed(contract.id, client=ada._client, body=review).status_code == 200)

    until(reviewed, bool)
    ledger, _ = ada.call("payments.get_ledger", contract.id)
    assert (ledger.charged.amount, ledger.released.amount + ledger.fees.amount) == (12_500, 12_500)


def test_model_generator_understands_every_schema(tmp_path: Path) -> None:
    """Given the document, when another public generator makes models of it, then every schema has one, and the
    example of a contract can be read with it."""
    made = tmp_path / "generated_models.py"
    done = subprocess.run(
        [PROGRAMS / "datamodel-codegen", "--input", DOCUMENT, "--input-file-type", "openapi", "--output", made,
         "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin", "--disable-timestamp"],
        capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    spec = importlib.util.spec_from_file_location("generated_models", made)
    assert spec is not None and spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    sys.modules["generated_models"] = models
    spec.loader.exec_module(models)

    document = json.loads(DOCUMENT.read_text())
    titles = {schema["title"] for schema in document["components"]["schemas"].values()}
    assert [title for title in titles if not hasattr(models, title)] == []
    answer = document["paths"]["/v1/contracts/{contract_id}"]["get"]["responses"]["200"]
    example = answer["content"]["application/json"]["example"]
    assert models.ContractView.model_validate(example).id == example["id"]
