"""Which service answers a path, read from the services' own routes, so that no list of paths can be forgotten."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

OWN_PATHS = frozenset(
    {"/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/"}
)
"""Paths every service has for itself; behind one address they are joined."""


@dataclass(slots=True)
class Branch:
    """One path segment: what literal segments and what parameter may follow, and whose path ends here."""

    literals: dict[str, "Branch"] = field(default_factory=dict)
    parameter: "Branch | None" = None
    owner: str | None = None


def paths_of(app: FastAPI) -> tuple[str, ...]:
    """The path templates an app serves for clients and operators, `/v1/contracts/{contract_id}` and the like."""
    found = (context.path_format or context.path for context in iter_route_contexts(app.routes))
    return tuple(dict.fromkeys(path for path in found if path and path not in OWN_PATHS))


def compiled(paths: Mapping[str, Iterable[str]]) -> Branch:
    """One tree of all services' paths. Raises `ValueError` when two services claim the same path."""
    root = Branch()
    for service, templates in paths.items():
        for template in templates:
            branch = root
            for segment in template.strip("/").split("/"):
                if segment.startswith("{"):
                    branch.parameter = branch.parameter or Branch()
                    branch = branch.parameter
                else:
                    branch = branch.literals.setdefault(segment, Branch())
            if branch.owner not in (None, service):
                raise ValueError(f"{template} is claimed by {branch.owner} and by {service}")
            branch.owner = service
    return root


def owner_of(root: Branch, path: str) -> str | None:
    """The service whose template fits the path, a literal segment before a parameter; `None` where none fits."""
    return _owner(root, path.strip("/").split("/"), 0)


def _owner(branch: Branch, segments: list[str], at: int) -> str | None:
    if at == len(segments):
        return branch.owner
    literal = branch.literals.get(segments[at])
    found = _owner(literal, segments, at + 1) if literal else None
    if found is None and branch.parameter is not None:
        found = _owner(branch.parameter, segments, at + 1)
    return found
