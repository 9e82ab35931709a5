"""Dead letters as callers see them: records that need a person, and messages that could not be handled."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence

from p2c.lanes.api import DeadLetter, FieldSides
from p2c.lanes.parts import Parts, Unknown
from p2c.state.poison import Poison, PoisonList
from p2c.state.waiting import Waiting
from p2c.sync.lane import open_lane

_RECORD, _MESSAGE = "r-", "m-"
_POISON = re.compile(_MESSAGE + r"[A-Za-z0-9]{1,64}")


class Letters:
    """All dead letters of the state."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def all(self, template: str = "", *, limit: int | None = None) -> list[DeadLetter]:
        """The dead letters, of one template when it is named, so many at most; messages last. Raises Unknown."""
        store = await self._parts.store()
        chosen = [self._parts.template(template)] if template else self._parts.templates
        found: list[DeadLetter] = []
        for one in chosen:
            for legal_entity in self._parts.legal_entities_of(one):
                async with open_lane(store, one, legal_entity, lease_seconds=60, dry=True) as lane:
                    async for waiting in lane.waiting.all(kind="dead"):
                        found.append(_record(waiting))
                        if len(found) == limit:
                            return found
        if not template:
            found += [_message(one) async for one in PoisonList(store).all()]
        return found[:limit]

    async def one(self, id_: str) -> DeadLetter:
        """The dead letter of that id. Raises Unknown."""
        store = await self._parts.store()
        if _is_message(id_):
            poison = await PoisonList(store).load(id_.removeprefix(_MESSAGE))
            if poison is not None:
                return _message(poison)
        elif id_.startswith(_RECORD):
            name, legal_entity, key = _parse(id_)
            template = self._parts.template(name)
            if legal_entity not in self._parts.legal_entities_of(template):
                raise Unknown(f"There is no dead letter {id_!r}.")
            async with open_lane(store, template, legal_entity, lease_seconds=60, dry=True) as lane:
                waiting = await lane.waiting.get(key)
                if waiting is not None and waiting.kind == "dead":
                    return _record(waiting)
        raise Unknown(f"There is no dead letter {id_!r}.", hint="It may have gone through since.")

    async def chosen(self, ids: Sequence[str]) -> list[DeadLetter]:
        """The dead letters of these ids, each once. Raises Unknown."""
        return [await self.one(id_) for id_ in dict.fromkeys(ids)]

    async def send_again(self, ids: Sequence[str]) -> int:
        """Puts the messages among these dead letters back into their queues; gives their number."""
        store, post = await self._parts.store(), await self._parts.post()
        poison, sent = PoisonList(store), 0
        for id_ in ids:
            found = await poison.load(id_.removeprefix(_MESSAGE)) if _is_message(id_) else None
            if found is not None:
                await post.again(found.queue, found.body, f"{found.id}-again-{found.deliveries}", found.session_id)
                await poison.clear(found.id)
                sent += 1
        return sent


def by_lane(letters: Sequence[DeadLetter]) -> dict[tuple[str, str], list[str]]:
    """Keys by template and legal entity of the records among these dead letters."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in letters:
        if one.kind == "record":
            found.setdefault((one.template, one.legal_entity), []).append(one.key)
    return found


def letter_id(template: str, legal_entity: str, key: str) -> str:
    """The id of a record's dead letter: it goes into an address whatever signs the key has."""
    text = json.dumps([template, legal_entity, key], ensure_ascii=False, separators=(",", ":"))
    return _RECORD + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _is_message(id_: str) -> bool:
    return _POISON.fullmatch(id_) is not None


def _parse(id_: str) -> tuple[str, str, str]:
    text = id_.removeprefix(_RECORD)
    try:
        template, legal_entity, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError) as error:
        raise Unknown(f"There is no dead letter {id_!r}.") from error
    return str(template), str(legal_entity), str(key)


def _record(one: Waiting) -> DeadLetter:
    return DeadLetter(
        id=letter_id(one.template, one.legal_entity, one.key),
        kind="record",
        template=one.template,
        legal_entity=one.legal_entity,
        key=one.key,
        reason=one.reason,
        field=one.field,
        line=one.line,
        attempts=one.attempts,
        first=one.first,
        last=one.last,
        request_id=one.request_id,
        retry_after=one.retry_after,
        rule=one.rule,
        sides=[
            FieldSides(field=side.field, source=side.source or "", destination=side.destination or "")
            for side in one.sides
        ],
    )


def _message(one: Poison) -> DeadLetter:
    return DeadLetter(
        id=_MESSAGE + one.id,
        kind="message",
        key=one.message_id,
        reason=one.reason,
        attempts=one.deliveries,
        first=one.noted.isoformat(),
        last=one.noted.isoformat(),
    )
