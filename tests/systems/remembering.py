"""A memory of earlier runs for tests of changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping

from p2c.documents import Page, SourceDocument


class Memory:
    """Remembers documents as a run would; see `p2c.systems.ends.Remembered`."""

    def __init__(self, *pages: Page) -> None:
        self.known: dict[str, SourceDocument] = {}
        self.searched: list[frozenset[str]] = []
        for page in pages:
            self.settle(page)

    def settle(self, page: Page) -> None:
        """What a run does with a page."""
        self.known.update((one.key, one) for one in page.documents)
        for one in page.deleted:
            self.known.pop(one.key, None)

    async def keys(self) -> AsyncIterator[str]:
        for key in list(self.known):
            yield key

    async def etags(self, keys: Collection[str]) -> Mapping[str, str]:
        return {key: self.known[key].etag for key in keys if key in self.known}

    async def find(self, ids: Collection[str]) -> Mapping[str, str]:
        self.searched.append(frozenset(ids))
        return {
            identifier.lower(): key
            for key, one in self.known.items()
            for identifier in (one.source_id, *one.line_ids)
            if identifier.lower() in ids
        }


def documents(pages: Iterable[Page]) -> list[str]:
    """The keys of the documents of all pages."""
    return [one.key for page in pages for one in page.documents]


def deleted(pages: Iterable[Page]) -> list[str]:
    """The keys of what is gone."""
    return [one.key for page in pages for one in page.deleted]
