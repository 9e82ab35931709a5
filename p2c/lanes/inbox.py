"""The inbox: each event becomes the keys of documents on their lanes, or a run where no key can be told.

Nothing is decided here but which document an event is about. What has become of it is read in its lane, fresh from the
source; an event that is late, doubled or out of order therefore does no harm.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from p2c.errors import MissingRow
from p2c.lanes.happening import Happening
from p2c.lanes.interest import Interest, interests
from p2c.lanes.messages import MOST_KEYS, KeysMessage, SliceMessage
from p2c.lanes.post import Post
from p2c.sync.session import Session
from p2c.systems import keys
from p2c.systems.naming import OWNING_UNIT, finops_rows, sales_rows
from p2c.templates import catalog
from p2c.templates.models import Template

_LONGEST_CAUSE = 200
_LOG = logging.getLogger(__name__)

MARGIN = timedelta(seconds=15)
"""How far apart the clocks of the queue and of the app's machines may be before an event comes too late for its run."""


@dataclass(slots=True)
class Noticed:
    """What events came to: documents and runs put on lanes, and how many events were of no interest."""

    keys: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    runs: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0

    def add(self, template: str, legal_entity: str, key: str) -> None:
        """A document; one that is there already is not put twice."""
        found = self.keys.setdefault((template, legal_entity), [])
        if key not in found:
            found.append(key)

    def add_run(self, template: str, legal_entity: str) -> None:
        """A run of a template."""
        if (template, legal_entity) not in self.runs:
            self.runs.append((template, legal_entity))


class Inbox:
    """Turns events into messages on lanes. `entities` names F&O entity sets of virtual entities."""

    def __init__(self, session: Session, post: Post, entities: dict[str, str]) -> None:
        self._session = session
        self._post = post
        self._entities = entities
        self._templates = {one.id: one for one in session.templates}

    async def take(self, happenings: Sequence[Happening]) -> Noticed:
        """Puts what the events are about on the lanes. Raises ServiceError when a system cannot be asked for a key."""
        noticed = Noticed()
        for happening in happenings:
            found = interests(happening, self._session.templates, self._entities)
            before = _size(noticed)
            for interest in found:
                await self._resolve(happening, interest, noticed)
            if _size(noticed) == before:
                noticed.ignored += 1
            _LOG.info(
                "event noticed",
                extra={
                    "p2c_event": happening.table,
                    "p2c_what": happening.what,
                    "p2c_templates": ",".join(one.template.id for one in found),
                    "p2c_correlation": happening.correlation_id,
                },
            )
        await self._send(noticed, _cause(happenings), _correlation(happenings))
        return noticed

    async def _resolve(self, happening: Happening, interest: Interest, noticed: Noticed) -> None:
        if interest.template.source == "sales":
            await self._resolve_sales(happening, interest, noticed)
        else:
            await self._resolve_finops(happening, interest, noticed)

    # --- Sales ---

    async def _resolve_sales(self, happening: Happening, interest: Interest, noticed: Noticed) -> None:
        template = interest.template
        if interest.gone:
            await self._run(template, await self._entities_of(template, ""), noticed)
            return
        known, unit = dict(interest.known), happening.facts.get(OWNING_UNIT, "")
        if interest.line is None and known and (unit or not await self._several()):
            await self._key(template, known, unit, noticed)
            return
        identifier = interest.id
        client = self._session.sales.client
        if interest.line is not None and not identifier:
            link = next(iter(interest.line.source.link))
            table = catalog.sales_table_by_set(interest.line.source.entity)
            rows = await sales_rows(client, table, [interest.line_id], [link])
            identifier = rows.get(interest.line_id, {}).get(link, "")
        columns = list(template.header.source.key)
        header = catalog.sales_table_by_set(template.header.source.entity)
        found = await sales_rows(client, header, [identifier], [*columns, OWNING_UNIT]) if identifier else {}
        row = found.get(identifier.lower())
        if row is None:
            # Gone meanwhile: what its absence means is for a run to say.
            await self._run(template, await self._entities_of(template, unit), noticed)
            return
        await self._key(template, {one: row[one] for one in columns}, row[OWNING_UNIT], noticed)

    async def _key(self, template: Template, known: dict[str, str], unit: str, noticed: Noticed) -> None:
        key = keys.join(known[one] for one in template.header.source.key)
        for legal_entity in await self._entities_of(template, unit):
            if key:
                noticed.add(template.id, legal_entity, key)
            else:
                noticed.add_run(template.id, legal_entity)

    async def _entities_of(self, template: Template, unit: str) -> list[str]:
        """The legal entity that rows of a business unit belong to; all that the template has while none is told."""
        settings = self._session.project.connection_set
        if template.scope == "master":
            return [settings.master]
        if not await self._several():
            return list(settings.legal_entities)
        environment = await self._session.environment()
        owners = [one.id for one in environment.legal_entities.values() if unit and unit in one.business_units]
        if owners or not unit:
            return owners or [one.id for one in environment.legal_entities.values()]
        return [environment.master] if environment.master else []

    async def _several(self) -> bool:
        return len(self._session.project.connection_set.legal_entities) > 1

    # --- F&O ---

    async def _resolve_finops(self, happening: Happening, interest: Interest, noticed: Noticed) -> None:
        template, company = interest.template, happening.legal_entity
        allowed = await self._entities_of(template, "")
        if company and company not in allowed:
            return
        companies = [company] if company else allowed
        if interest.gone:
            await self._run(template, companies, noticed)
            return
        columns = list(template.header.source.key)
        for one in companies:
            if all(column in interest.known for column in columns):
                noticed.add(template.id, one, keys.join(interest.known[column] for column in columns))
                continue
            entity = catalog.finops_entity(template.header.source.entity)
            try:
                rows = await finops_rows(self._session.finops.client, entity, one, interest.known, columns)
            except MissingRow:
                # A query has rows or none: somebody else answered, and of this document nothing is known.
                await self._run(template, [one], noticed)
                continue
            for row in rows:
                noticed.add(template.id, one, keys.join(row[column] for column in columns))

    # --- sending ---

    async def _run(self, template: Template, legal_entities: Sequence[str], noticed: Noticed) -> None:
        for one in legal_entities:
            noticed.add_run(template.id, one)

    async def _send(self, noticed: Noticed, cause: str, correlation: str) -> None:
        messages: list[tuple[Template, SliceMessage | KeysMessage]] = []
        for (name, legal_entity), found in noticed.keys.items():
            for start in range(0, len(found), MOST_KEYS):
                message = KeysMessage(
                    template=name,
                    legal_entity=legal_entity,
                    trigger="event",
                    keys=found[start : start + MOST_KEYS],
                    cause=cause,
                    correlation_id=correlation,
                )
                messages.append((self._templates[name], message))
        if messages:
            await self._post.send(messages)
        await self._send_runs(noticed, correlation)

    async def _send_runs(self, noticed: Noticed, correlation: str) -> None:
        """Runs begin some time after the minute is over, and one serves all events of that minute."""
        if not noticed.runs:
            return
        now = datetime.now(UTC)
        begin = run_after(now)
        messages: list[tuple[Template, SliceMessage | KeysMessage]] = [
            (
                self._templates[name],
                SliceMessage(
                    template=name,
                    legal_entity=legal_entity,
                    trigger="event",
                    run_id=f"{begin:%Y%m%dT%H%MZ}-{legal_entity}-{name}-event",
                    # The same for all of that minute, like the run's id: the queue takes one and drops the others.
                    requested=now.replace(second=0, microsecond=0),
                    correlation_id=correlation,
                ),
            )
            for name, legal_entity in noticed.runs
        ]
        await self._post.send(messages, delay=(begin - now).total_seconds())


def run_after(event: datetime) -> datetime:
    """When the run begins that serves an event of this moment: the same for all events of a minute, and after them all.

    The queue drops the messages of all but the first event, and the queue's clock, not ours, says when that one is
    delivered: an event that comes shortly before the run begins may find that it has begun.
    """
    return event.replace(second=0, microsecond=0) + timedelta(minutes=1) + MARGIN


def _size(noticed: Noticed) -> int:
    return sum(map(len, noticed.keys.values())) + len(noticed.runs)


def _cause(happenings: Sequence[Happening]) -> str:
    """What tells these events from others. It goes with every message, so that of many it is a hash."""
    names = "+".join(one.identity for one in happenings)
    return names if len(names) <= _LONGEST_CAUSE else hashlib.sha256(names.encode()).hexdigest()


def _correlation(happenings: Sequence[Happening]) -> str:
    return next((one.correlation_id for one in happenings if one.correlation_id), "")[:128]
