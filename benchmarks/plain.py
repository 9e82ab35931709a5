"""A plain client to compare with: the same mapping and the same reading of the source, but one row at a time.

It does what a simple integration does: a GET for each lookup, whatever was looked up before; a GET to see whether the
document is there, and one for its lines; a request for each row that it writes, and one request after the other. It
also loses what p2c gives: a document that fails in the middle stays half written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from p2c.documents import DocumentChange, DocumentWrite, ExistingDocument, LegalEntity, ResolvedRow, Value
from p2c.errors import ServiceError
from p2c.systems.finops import FinOpsEnd
from p2c.systems.finops.writing import parts as finops_parts
from p2c.systems.odata.batch import Part
from p2c.systems.odata.gate import Gate
from p2c.systems.odata.transport import ODataClient
from p2c.systems.sales import SalesEnd
from p2c.systems.sales.writing import parts as sales_parts

Found = dict[tuple[str, ...], list[ExistingDocument]]


class PlainSales(SalesEnd):
    """Sales, written one row at a time. It takes the client over: one request at a time from now on."""

    def __init__(self, client: ODataClient) -> None:
        # With no room for rows that were found, each lookup is a request.
        super().__init__(client, remembered_rows=0)
        client.gate = Gate(1, 1, 1)

    async def resolve(
        self, entity: str, rows: Sequence[Mapping[str, Value]], legal_entity: LegalEntity | None = None
    ) -> list[ResolvedRow]:
        """Row by row."""
        return [found for row in rows for found in await super(PlainSales, self).resolve(entity, [row], legal_entity)]

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """Document by document."""
        found: Found = {}
        for key in keys:
            found |= await super().fetch(write, legal_entity, [key])
        return found

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        """Row by row."""
        return [await _written(self.client, sales_parts, change) for change in changes]


class PlainFinOps(FinOpsEnd):
    """F&O, written one row at a time. It takes the client over: one request at a time from now on."""

    def __init__(self, client: ODataClient) -> None:
        super().__init__(client)
        client.gate = Gate(1, 1, 1)

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """Document by document."""
        found: Found = {}
        for key in keys:
            found |= await super().fetch(write, legal_entity, [key])
        return found

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        """Row by row."""
        return [await _written(self.client, finops_parts, change) for change in changes]


async def _written(
    client: ODataClient, parts: Callable[[DocumentChange], Sequence[Part]], change: DocumentChange
) -> ServiceError | None:
    """Sends the rows of a document until one is refused."""
    try:
        for part in parts(change):
            await client.request(part.method, part.url, headers=part.headers, body=part.body, idempotent=False)
    except ServiceError as error:
        return error
    return None
