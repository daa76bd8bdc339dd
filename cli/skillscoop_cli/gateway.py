"""The gateway's configuration, generated from the services' own routes: who answers a path, how large a body may be,
which process answers for its health, and how the gateway's own errors look."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from skillscoop_chassis.http import limits  # noqa: F401 - registers too_many_requests, which the gateway answers too
from skillscoop_chassis.http.bodies import BODY_LIMIT, BodyRule
from skillscoop_chassis.http.problems import PROBLEM_CODES, register_codes

PROCESSES = ("api", "worker")
_PARAMETER = re.compile(r"\{[^}]+\}")
_HEADER = "# Generated from the services' routes; a test refuses a stale copy."

register_codes(
    {
        "request_malformed": (
            400,
            "The request cannot be read",
            "Not a request in HTTP/1.1, or a head too large.",
        ),
        "uri_too_long": (414, "The address is too long", "The gateway reads addresses of up to 8 KB."),
        "not_implemented": (501, "Not implemented", "A transfer coding that nobody here knows."),
        "version_unsupported": (505, "HTTP version not supported", "The gateway speaks HTTP/1.1."),
    }
)

_ERRORS: Mapping[int, tuple[str, str, Sequence[int]]] = {
    400: ("request_malformed", "The request cannot be read.", (400, 494)),
    404: ("not_found", "There is nothing here for you.", (403, 404)),
    405: ("method_not_allowed", "This path does not take that method.", (405,)),
    413: ("body_too_large", "The body is larger than this path takes.", (413,)),
    414: ("uri_too_long", "The address is too long.", (414,)),
    429: ("too_many_requests", "Too many requests from your address; please wait a moment.", (429,)),
    501: ("not_implemented", "This transfer coding is not known here.", (501,)),
    503: ("unavailable", "The service does not answer right now; the same request may be sent again.",
          (408, 500, 502, 503, 504)),
    505: ("version_unsupported", "Please speak HTTP/1.1.", (505,)),
}  # fmt: skip
"""The gateway's own errors: code and words, and the statuses of nginx that become it."""

_RETRY = {429: 1, 503: 1}
"""Seconds after which the same request may be sent again."""


def path_pattern(template: str) -> str:
    """The regular expression of a path template: `/v1/contracts/{id}` becomes `^/v1/contracts/[^/]+$`."""
    literal = [re.escape(part) for part in _PARAMETER.split(template)]
    return "^" + "[^/]+".join(literal).replace("\\-", "-").replace("\\*", ".*") + "$"


def nginx_routes(paths_of: Mapping[str, Iterable[str]]) -> str:
    """An nginx include with two maps from path to address, for clients' and for operators' listener.

    `paths_of` maps a service's name to its path templates. Paths without parameters come first, as exact matches.
    Operators' routes (`/v1/admin/`) are in the second map only.
    """
    lines = [_HEADER]
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


def nginx_bodies(rules: Iterable[BodyRule]) -> str:
    """An nginx include for a server: how many bytes a body may have, by path, as the services themselves count them.

    What is larger than usual is passed on while it comes, so a service can refuse a stranger before it is there.
    """
    lines = [_HEADER, f"client_max_body_size {BODY_LIMIT};"]
    for rule in sorted(rules, key=lambda rule: rule.pattern):
        lines += [
            f'location ~ "{path_pattern(rule.pattern.rpartition(" ")[2])}" {{',
            f"    client_max_body_size {rule.limit};",
            "    proxy_request_buffering off;",
            *(["    limit_req zone=webhooks burst=1000 nodelay;"] if rule.kind == "raw" else []),
            '    if ($service = "") { return 404; }',
            "    proxy_pass http://$service;",
            "}",
        ]
    return "\n".join(lines) + "\n"


def nginx_problems() -> str:
    """An nginx include for a server: its own errors look like the services' errors.

    `$instance` and `$safe_request_id` are texts of the caller that were found harmless, or empty.
    """
    lines = [_HEADER]
    for status, (code, detail, from_nginx) in _ERRORS.items():
        title = PROBLEM_CODES[code].title
        body = {
            "type": f"urn:skillscoop:problem:{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "$instance",
            "code": code,
            "request_id": "$safe_request_id",
        }
        lines += [
            f"error_page {' '.join(map(str, from_nginx))} ={status} /_problem/{status};",
            f"location = /_problem/{status} {{",
            "    internal;",
            "    default_type application/problem+json;",
            "    include /etc/nginx/skillscoop/headers.conf;",
            "    add_header X-Request-Id $safe_request_id always;",
            "    add_header Cache-Control no-store always;",
            *([f"    add_header Retry-After {_RETRY[status]} always;"] if status in _RETRY else []),
            f"    return {status} '{json.dumps(body)}';",
            "}",
        ]
    return "\n".join(lines) + "\n"


def nginx_probes(services: Sequence[str]) -> str:
    """An nginx include for operators' server: health and metrics of every process, and whether all of them are ready.

    `/readyz/<service>` and `/metrics/<service>` ask the process that answers calls, `…/<service>/worker` the one that
    handles events. `/readyz` is 200 only when every one of them is; it asks one after the other.
    """
    processes = [(service, role) for service in services for role in PROCESSES]
    lines = [_HEADER]
    for what in ("readyz", "metrics"):
        for service, role in processes:
            path = f"/{what}/{service}" + ("" if role == "api" else f"/{role}")
            lines += [
                f"location = {path} {{",
                f"    set $process {service}-{role}:8000;",
                f"    proxy_pass http://$process/{what};",
                "}",
            ]
    steps = ["/readyz", *(f"/_ready/{number}" for number in range(1, len(processes)))]
    for path, (service, role), then in zip(steps, processes, [*steps[1:], "/_ready/all"], strict=True):
        lines += [
            f"location = {path} {{",
            *([] if path == "/readyz" else ["    allow 127.0.0.1;", "    deny all;"]),
            f"    auth_request /readyz/{service}{'' if role == 'api' else f'/{role}'};",
            f"    proxy_pass http://127.0.0.1:8081{then};",
            "}",
        ]
    lines += [
        "location = /_ready/all {",
        "    default_type application/json;",
        "    include /etc/nginx/skillscoop/headers.conf;",
        "    add_header Cache-Control no-store;",
        """    return 200 '{"status": "ready"}';""",
        "}",
        "location = /metrics {",
        "    default_type text/plain;",
        "    return 200 '# every process answers for itself\\n"
        + "".join(f"# /metrics/{service}{'' if role == 'api' else f'/{role}'}\\n" for service, role in processes)
        + "';",
        "}",
    ]
    return "\n".join(lines) + "\n"
