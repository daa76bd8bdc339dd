"""What a route says about If-Match in the API document: its `openapi_extra`.

A route that changes something and says nothing looks at If-Match where it is sent.
"""

MATCH = "x-if-match"
MATCH_REQUIRED = {MATCH: "required"}
MATCH_OPTIONAL = {MATCH: "optional"}
MATCH_UNUSED = {MATCH: "unused"}
