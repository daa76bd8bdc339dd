"""What FastAPI passes into the routes of this service."""

from typing import Annotated

from fastapi import Depends
from skillscoop_chassis.http.paging import PageParams, page_params
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest, reading, transaction

ReadRequest = Annotated[ReadingRequest, Depends(reading, scope="function")]
WriteRequest = Annotated[WritingRequest, Depends(transaction, scope="function")]
PageQuery = Annotated[PageParams, Depends(page_params)]
