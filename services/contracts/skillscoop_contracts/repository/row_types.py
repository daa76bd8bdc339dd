"""What every file of the repository shares: a row as it is read, and the function that keeps what a fact says."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping

from skillscoop_contracts.domain.contract import By, Contract

Row = Mapping[str, Any] | RowMapping
SaveFact = Callable[[Transaction, Contract, Any, By], Awaitable[None]]
"""Writes the row that remembers a fact: the contract as all facts left it, the fact, and who acted."""
