"""The gateway's routes, generated from the services' own: which path belongs to which service."""

import re
from collections.abc import Iterable, Mapping

_PARAMETER = re.compile(r"\{[^}]+\}")


def path_pattern(template: str) -> str:
    """The regular expression of a path template: `/v1/contracts/{id}` becomes `^/v1/contracts/[^/]+$`."""
    literal = [re.escape(part) for part in _PARAMETER.split(template)]
    return "^" + "[^/]+".join(literal).replace("\\-", "-") + "$"


def nginx_routes(paths_of: Mapping[str, Iterable[str]]) -> str:
    """An nginx include with two maps from path to address, for clients' and for operators' listener.

    `paths_of` maps a service's name to its path templates. Paths without parameters come first, as exact matches.
    Operators' routes (`/v1/admin/`) are in the second map only.
    """
    lines = ["# Generated from the services' routes; a test refuses a stale copy."]
    for variable, wanted in (("public_service", False), ("operators_service", True)):
        lines += ["", f"map $uri ${variable} {{", '    default "";']
        for service, templates in paths_of.items():
            for template in sorted(set(templates)):
                if template.startswith("/v1/admin/") and not wanted:
                    continue
                if not template.startswith(("/v1/", "/webhooks/")):
                    continue
                key = f'"~{path_pattern(template)}"' if "{" in template else f'"{template}"'
                lines.append(f"    {key} {service}-api:8000;")
        lines.append("}")
    return "\n".join(lines) + "\n"
