"""Events as the two systems send them, brought into one small shape. Pure; nothing in them is trusted.

Dataverse sends a RemoteExecutionContext whose maps are lists of key and value, whose primitives may be wrapped
(`__value`), and which arrives without its parameters when it would be too large. F&O sends flat business events, and
data events that look like Dataverse's, with names in lower case behind `mserp_`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from p2c.lanes.messages import Malformed

What = Literal["changed", "deleted"]
_KIND = "p2c.event"
_EMPTY = "00000000-0000-0000-0000-000000000000"
_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")
_WORDS: Mapping[str, What] = {
    "create": "changed",
    "update": "changed",
    "createmultiple": "changed",
    "updatemultiple": "changed",
    "upsert": "changed",
    "setstate": "changed",
    "setstatedynamicentity": "changed",
    "assign": "changed",
    "win": "changed",
    "close": "changed",
    "delete": "deleted",
    "onexternalcreated": "changed",
    "onexternalupdated": "changed",
    "onexternaldeleted": "deleted",
}
_LONGEST = 200
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Happening:
    """Something changed in one of the systems.

    `table` is a logical name of Dataverse, a virtual entity of F&O (`mserp_…`) or a business event. `facts` are the
    short values that it brought, by column in lower case; lookups are the id that they hold. `identity` tells one
    event from another: the same text for one that is delivered twice. `attempt` counts how often it has been put back
    into the inbox because a system could not be asked.
    """

    system: Literal["sales", "finops"]
    table: str
    what: What
    identity: str
    id: str = ""
    legal_entity: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    correlation_id: str = ""
    attempt: int = 0

    def as_json(self) -> dict[str, Any]:
        """As it goes into the inbox, when it came by webhook or has to wait."""
        return {"kind": _KIND, **asdict(self)}


def parse_events(body: bytes) -> list[Happening]:
    """The events in a message or request; none for one that tells of no change (a test, an association).

    Raises Malformed for what is no event of either system.
    """
    try:
        content = json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise Malformed("The event is not JSON; choose the message format JSON for the endpoint.") from error
    return [event for one in _unwrapped(content) if (event := _event(one)) is not None]


def _unwrapped(content: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The events, out of lists and out of Event Grid's envelope, whose data may be text."""
    if depth > _DEEPEST:
        raise Malformed("The event is wrapped too often.")
    if isinstance(content, list):
        for one in content:
            yield from _unwrapped(one, depth + 1)
        return
    if not isinstance(content, dict):
        raise Malformed("The event is not a JSON object.")
    data = content.get("data")
    if data is not None and "eventType" in content:
        try:
            inner = json.loads(data, parse_float=str, parse_int=str) if isinstance(data, str) else data
        except (ValueError, RecursionError) as error:
            raise Malformed("The data of the Event Grid event are not JSON.") from error
        yield from _unwrapped(inner, depth + 1)
        return
    yield content


def _event(content: dict[str, Any]) -> Happening | None:
    if content.get("kind") == _KIND:
        return _ours(content)
    if "BusinessEventId" in content:
        return _business_event(content)
    if "MessageName" in content and "PrimaryEntityName" in content:
        return _context(content)
    raise Malformed("The event is neither a RemoteExecutionContext nor a business event.")


def _ours(content: dict[str, Any]) -> Happening:
    try:
        found = Happening(**{name: value for name, value in content.items() if name != "kind"})
        return replace(found, facts=dict(found.facts), attempt=int(found.attempt))
    except (TypeError, ValueError) as error:
        raise Malformed("The event was put into the inbox by another version.") from error


# --- business events of F&O ---


def _business_event(content: dict[str, Any]) -> Happening | None:
    name = _text(content["BusinessEventId"])
    if not name:
        return None
    facts = _facts((key, value) for key, value in content.items())
    company = _text(content.get("BusinessEventLegalEntity")) or facts.get("legalentity", "")
    identity = _text(content.get("EventId")) or _digest(content)
    return Happening("finops", name, "changed", identity.lower(), "", company.lower(), facts)


# --- contexts of Dataverse, and data events of F&O ---


def _context(content: dict[str, Any]) -> Happening | None:
    message = _text(_plain(content["MessageName"])).lower()
    what = _WORDS.get(message)
    table = _text(_plain(content["PrimaryEntityName"])).lower()
    if what is None or not table or table == "none":
        return None
    parameters = _map(content.get("InputParameters"))
    target = parameters.get("Target")
    target = target if isinstance(target, dict) else {}
    facts: dict[str, str] = {}
    # A data event brings what was before among its parameters, and for a deletion perhaps only that.
    before = [parameters.get("PreImage"), *_map(content.get("PreEntityImages")).values()]
    for image in (*before, *_map(content.get("PostEntityImages")).values()):
        if isinstance(image, dict):
            facts.update(_facts(_map(image.get("Attributes")).items()))
    facts.update(_facts(_map(target.get("Attributes")).items()))
    identifier = _first(_plain(content.get("PrimaryEntityId")), _plain(target.get("Id")))
    external = message.startswith("onexternal") or table.startswith("mserp_")
    # A change of one row has no number of its own in this message; the operation's id and time tell changes apart. F&O
    # sends no id of an operation, a time in whole seconds, and what its correlation covers is not known: so the values
    # tell changes apart as well. Two taken for one would be a change lost, one taken for two is only read twice.
    stamp = (
        _text(_plain(content.get("OperationId"))),
        _text(_plain(content.get("OperationCreatedOn"))),
        _text(_plain(content.get("CorrelationId"))),
        facts.get("modifiedon", ""),
    )
    return Happening(
        "finops" if external else "sales",
        table,
        what,
        _digest([table, message, identifier, *stamp, facts]),
        identifier,
        facts.get("mserp_dataareaid", "").lower() if external else "",
        facts,
        _text(_plain(content.get("CorrelationId"))),
    )


def _map(pairs: Any) -> dict[str, Any]:
    """A list of key and value as a mapping; a mapping as it is; anything else as nothing."""
    if isinstance(pairs, dict):
        return pairs
    if not isinstance(pairs, list):
        return {}
    return {
        str(one["key"]): _plain(one.get("value"))
        for one in pairs
        if isinstance(one, dict) and isinstance(one.get("key"), str)
    }


def _plain(value: Any) -> Any:
    """The value out of its `__value` wrapper."""
    return value["__value"] if isinstance(value, dict) and "__value" in value else value


def _facts(pairs: Any) -> dict[str, str]:
    """The short scalars, as text. Long texts are of no use here, and are nobody's business."""
    found: dict[str, str] = {}
    for name, raw in pairs:
        value = _plain(raw)
        if isinstance(value, dict):
            value = value.get("Id", value.get("Value"))
        text = _text(value)
        if text and len(text) <= _LONGEST:
            found[str(name).lower()] = text
    return found


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    moment = _DATE.match(text)
    return moment[1] if moment else text.strip("{}")


def _first(*values: Any) -> str:
    """The first id that is one."""
    texts = (_text(value).lower() for value in values)
    return next((text for text in texts if text and text != _EMPTY), "")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]
