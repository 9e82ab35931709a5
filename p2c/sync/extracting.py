"""Extracting: pages of documents, read one ahead, and grouped where several rows share one key."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from itertools import groupby

from p2c.documents import Flaw, MappedDocument, Page, Rejected, Skipped, SourceDocument
from p2c.equality import fold_key
from p2c.mapping.mapper import Mapper

Mapped = tuple[SourceDocument, MappedDocument | Skipped | Rejected]


async def read_ahead(pages: AsyncIterator[Page]) -> AsyncGenerator[Page, None]:
    """The same pages; while one is worked on, the next is being read."""
    task = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await task) is not None:
            task = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
        close = getattr(pages, "aclose", None)
        if close is not None:
            await close()


def map_page(mapper: Mapper, page: Page) -> Iterator[Mapped]:
    """Every document of a page with what mapping made of it, in the page's order."""
    for document in (one for one in page.documents if not one.key):
        yield document, _own(document) or mapper.map(document)
    with_key = [one for one in page.documents if one.key]
    for _, rows in groupby(with_key, key=lambda one: fold_key(one.key)):
        group = list(rows)
        homeless = [one for one in group if not one.legal_entity]
        for document in homeless:
            yield document, _own(document) or mapper.map(document)
        yield from _map_group(mapper, [one for one in group if one.legal_entity])


def _map_group(mapper: Mapper, group: Sequence[SourceDocument]) -> Iterator[Mapped]:
    if len(group) == 1:
        yield group[0], mapper.map(group[0])
    elif group:
        yield from mapper.map_versions(group)


def _own(document: SourceDocument) -> Rejected | None:
    """A row whose business unit is mapped to no legal entity would belong nowhere."""
    if document.legal_entity:
        return None
    flaw = Flaw(
        "owningbusinessunit",
        "the owner's business unit belongs to no legal entity: map it in the project's connectionSet.legalEntities",
    )
    return Rejected((flaw,))
