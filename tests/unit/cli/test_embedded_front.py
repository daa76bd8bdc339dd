"""One address for several services: whose path it is, and what is joined."""

import pytest
from fastapi import APIRouter, FastAPI
from skillscoop_cli.embedded.dispatch import compiled, owner_of, paths_of
from skillscoop_cli.embedded.merged import merge_metrics, merge_openapi


def _app(*paths: str) -> FastAPI:
    router = APIRouter()
    for number, path in enumerate(paths):

        async def answer() -> None: ...

        router.add_api_route(path, answer, name=f"r{number}")
    app = FastAPI()
    app.include_router(router)
    return app


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/v1/contracts", "contracts"),
        ("/v1/contracts/ctr_1", "contracts"),
        ("/v1/contracts/ctr_1/terms/3/diff", "contracts"),
        ("/v1/contracts/ctr_1/ledger", "payments"),
        ("/v1/payout-accounts/me", "payments"),
        ("/v1/payout-accounts/acct", None),
        ("/v1/contracts/", "contracts"),
        ("/v1", None),
        ("/", None),
        ("/v1/contracts/ctr_1/ledger/more", None),
    ],
)
def test_a_path_finds_its_service(path: str, owner: str | None) -> None:
    tree = compiled(
        {
            "contracts": paths_of(
                _app(
                    "/v1/contracts", "/v1/contracts/{contract_id}", "/v1/contracts/{contract_id}/terms/{revision}/diff"
                )
            ),
            "payments": paths_of(_app("/v1/contracts/{id}/ledger", "/v1/payout-accounts/me")),
        }
    )
    assert owner_of(tree, path) == owner


def test_two_services_cannot_claim_one_path() -> None:
    with pytest.raises(ValueError, match="claimed by"):
        compiled({"contracts": ["/v1/things/{id}"], "payments": ["/v1/things/{other}"]})


def test_metrics_of_several_services_stand_side_by_side() -> None:
    text = '# HELP hits Hits\n# TYPE hits counter\nhits{route="/a"} 1.0\n'
    gauge = "# HELP age Age\n# TYPE age gauge\nage 3.0\n"
    assert merge_metrics({"contracts": text + gauge, "payments": text}).splitlines() == [
        "# HELP hits Hits",
        "# TYPE hits counter",
        'hits{service="contracts",route="/a"} 1.0',
        'hits{service="payments",route="/a"} 1.0',
        "# HELP age Age",
        "# TYPE age gauge",
        'age{service="contracts"} 3.0',
    ]


def test_documents_share_equal_schemas_and_keep_different_ones_apart() -> None:
    def document(path: str, page: dict[str, object]) -> dict[str, object]:
        money = {"type": "object", "properties": {"amount": {"type": "integer"}}}
        return {
            "openapi": "3.1.0",
            "paths": {path: {"get": {"responses": {"200": {"$ref": "#/components/schemas/List"}}}}},
            "components": {
                "schemas": {
                    "Money": money,
                    "Page": page,
                    "List": {"items": {"$ref": "#/components/schemas/Page"}},
                }
            },
        }

    merged = merge_openapi(
        {"contracts": document("/a", {"type": "string"}), "payments": document("/b", {"type": "integer"})}
    )
    assert set(merged["components"]["schemas"]) == {"Money", "Page", "List", "PaymentsPage", "PaymentsList"}
    assert merged["components"]["schemas"]["PaymentsList"]["items"]["$ref"].endswith("/PaymentsPage")
    assert merged["paths"]["/a"]["get"]["responses"]["200"]["$ref"].endswith("/List")
    assert merged["paths"]["/b"]["get"]["responses"]["200"]["$ref"].endswith("/PaymentsList")
