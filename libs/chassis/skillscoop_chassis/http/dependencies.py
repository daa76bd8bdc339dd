"""What FastAPI passes into routes: the request with its one transaction, the page that is asked for, and no body.

All have function scope, so that a transaction is committed before its answer leaves.
"""

from typing import Annotated

from fastapi import Depends

from skillscoop_chassis.http.models import EmptyRequest
from skillscoop_chassis.http.paging import PageParams, page_params
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest, money_transaction, reading, transaction

ReadRequest = Annotated[ReadingRequest, Depends(reading, scope="function")]
WriteRequest = Annotated[WritingRequest, Depends(transaction, scope="function")]
MoneyWriteRequest = Annotated[WritingRequest, Depends(money_transaction, scope="function")]
"""As `WriteRequest`, with a required Idempotency-Key."""
PageQuery = Annotated[PageParams, Depends(page_params)]
EmptyBody = EmptyRequest | None
"""The body of a command without fields: `{}` or nothing."""
