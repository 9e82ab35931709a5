"""Change tracking: a first full read with a delta link at its end, then what changed since.

A token is a version and the moment at which it was given, as the real service writes them; the moment decides whether
the token has expired. Changed rows carry every selected column, deletes come after them.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import sqlalchemy as sa

from sandbox.sales.address import Call
from sandbox.sales.cookies import without_option
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, query_error
from sandbox.sales.model import Table
from sandbox.sales.reading import MOST_ROWS, Query, context_url
from sandbox.sales.rows import RowWriter, select_columns
from sandbox.wire.query import QueryOptions

_TOKEN = re.compile(r"(\d+)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_PAGING = "tracking!"
_DATE = "%m/%d/%Y %H:%M:%S"


def is_tracked(call: Call, options: QueryOptions) -> bool:
    """Say whether a query belongs to change tracking."""
    paging = options.other.get("$skiptoken", "")
    return call.prefer.track_changes or "$deltatoken" in options.other or paging.startswith(_PAGING)


def changes(engine: Engine, call: Call, table: Table, query: Query) -> str:
    """Give one page of a tracked read as JSON. Raises 400 for what tracking does not support or an expired token."""
    check(engine, table, query.options)
    options = query.options
    base, after, until = _place(engine, options)
    store = engine.store
    version = store.column(table.name, "versionnumber")
    size = call.prefer.page_size or MOST_ROWS
    writer = RowWriter(engine, table, select_columns(table, options.select), call.prefer.annotations)
    where = sa.and_(version > after, version <= until)
    rows = store.select(table.name, where, [version], size + 1, None, tuple(writer.needed()))
    more = len(rows) > size
    rows = rows[:size]
    context = context_url(call, table, options.select) + "/$delta"
    texts = [writer.text(row) for row in rows]
    if not more and base is not None:
        texts += _deletes(engine, call, table, base, until)
    members = [f'"@odata.context":{json.dumps(context)}', f'"value":[{",".join(texts)}]']
    rest = without_option(without_option(call.query, "$deltatoken"), "$skiptoken")
    start = f"{call.root}{table.entity_set}?{rest + '&' if rest else ''}"
    if more:
        token = quote(f"{_PAGING}{'' if base is None else base}!{rows[-1]['versionnumber']}!{until}", safe="")
        members.append(f'"@odata.nextLink":{json.dumps(start + "$skiptoken=" + token)}')
    elif _gives_delta_link(engine, call, options):
        token = quote(f"{until}!{engine.clock.now().strftime(_DATE)}", safe="")
        members.append(f'"@odata.deltaLink":{json.dumps(start + "$deltatoken=" + token)}')
    return "{" + ",".join(members) + "}"


def _gives_delta_link(engine: Engine, call: Call, options: QueryOptions) -> bool:
    """A page whose request forgot the preference, or asked for annotations, ends without a delta link."""
    if call.prefer.annotations and engine.options.annotations_hide_delta_link:
        return False
    return call.prefer.track_changes or "$deltatoken" in options.other


def count_changes(engine: Engine, table: Table, options: QueryOptions) -> int:
    """Count what a delta link would give."""
    check(engine, table, options)
    base, after, until = _place(engine, options)
    version = engine.store.column(table.name, "versionnumber")
    changed = engine.store.count(table.name, sa.and_(version > after, version <= until))
    return changed + sum(1 for grave, _ in engine.tombstones[table.name] if grave > (base or 0))


def check(engine: Engine, table: Table, options: QueryOptions) -> None:
    """Refuse what change tracking does not do."""
    if table.name in engine.options.not_tracked:
        raise SalesError(400, "0x80072491", f"Entity {table.name} isn't enabled for change tracking.")
    for name, given in (
        ("filter", options.filter),
        ("orderby", options.orderby),
        ("expand", options.expand),
        ("top", options.top),
    ):
        if given:
            raise query_error(f'The "${name}" query parameter isn\'t supported when Change Tracking is enabled.')


def _place(engine: Engine, options: QueryOptions) -> tuple[int | None, int, int]:
    """Give the version that the delta started from (None for the first read), the last row's, and the read's end."""
    paging = options.other.get("$skiptoken")
    if paging is not None:
        parts = paging.removeprefix(_PAGING).split("!")
        if len(parts) != 3 or not all(part.isdigit() for part in parts[1:]):
            raise query_error("The paging token is malformed.")
        return (int(parts[0]) if parts[0] else None, int(parts[1]), int(parts[2]))
    token = options.other.get("$deltatoken")
    if token is None:
        return None, 0, engine.version
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise query_error("The delta token is malformed.")
    given = datetime.strptime(found.group(2), _DATE).replace(tzinfo=UTC)
    if engine.clock.now() - given > timedelta(days=engine.options.tracking_days):
        raise SalesError(
            engine.options.expired_token_status,
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        )
    version = int(found.group(1))
    return version, version, engine.version


def _deletes(engine: Engine, call: Call, table: Table, since: int, until: int) -> list[str]:
    context = json.dumps(f"{call.root}$metadata#{table.entity_set}/$deletedEntity")
    return [
        f'{{"@odata.context":{context},"id":"{record_id}","reason":"deleted"}}'
        for version, record_id in engine.tombstones[table.name]
        if since < version <= until
    ]
