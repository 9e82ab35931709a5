"""The Sales server: routes requests of the Web API to what answers them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from starlette.routing import BaseRoute

from sandbox.sales import metadata, properties, reading, references, tracking, writing
from sandbox.sales.actions import perform
from sandbox.sales.address import Call, Preferences, Segment, need_record, parse_key, relative_path, segments
from sandbox.sales.batch import run_batch
from sandbox.sales.changes import Caller, Event, Row, fixed_id
from sandbox.sales.csdl import csdl_document
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, no_resource, query_error
from sandbox.sales.implemented import (
    COLLECTION,
    COUNT,
    DEFINITIONS,
    SINGLE,
    check_headers,
    check_options,
    not_implemented,
)
from sandbox.sales.model import Model, Table
from sandbox.sales.options import SalesOptions
from sandbox.sales.payload import parse_json
from sandbox.sales.people import People
from sandbox.sales.rows import MEDIA_TYPE, referred
from sandbox.sales.rules import all_rules
from sandbox.wire.limiter import Refusal
from sandbox.wire.query import QueryError, parse_options
from sandbox.wire.service import ORIGIN_HEADER, USER_HEADER, Clock, Limits, Reply, Service
from sandbox.wire.store import Store

_LONGEST_URL = 32_768
_LONGEST_URL_IN_BATCH = 65_536
_BULK = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
_CRM = "Microsoft.Dynamics.CRM."


class SalesService(Service):
    """A Sales environment. People act through `people`; seeds create records through `create` inside `bulk`."""

    def __init__(
        self,
        *,
        token: str = "sandbox",
        options: SalesOptions | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(token=token, limits=limits, clock=clock)
        self.options = options or SalesOptions()
        self.model = Model(self.options)
        self.store = Store(self.model.specs())
        self.engine = Engine(self.model, self.store, self.options, self.clock, all_rules(self.options))
        metadata.found_environment(self.engine)
        self.engine.events.clear()
        self.people = People(self.engine, self.lock, self.caller)
        self._batched = 0

    # ------------------------------------------------------------ for seeds and tests

    @property
    def events(self) -> list[Event]:
        """Every change so far, oldest first."""
        return self.engine.events

    def create(self, table: str, row: Mapping[str, Any], user: str = "people") -> Row:
        """Create a record as `people.create` does, and give it whole."""
        return self.people.create(table, row, user)

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Write many records quickly: totals and the solution's flags are computed once, at the end."""
        with self.lock, self.engine.bulk():
            yield

    def row(self, table: str, record_id: str) -> Row | None:
        """Give a record as it is stored, by logical name or entity set."""
        with self.lock:
            return self.engine.get(self.people.table(table).name, record_id)

    def rows(self, table: str, **equal: Any) -> list[Row]:
        """Give the records whose columns have the given values."""
        with self.lock:
            name = self.people.table(table).name
            return [row for key in self.engine.find(name, equal) if (row := self.engine.get(name, key))]

    def caller(self, user: str) -> Caller:
        """Give the caller that stands for a user: `integration`, `people`, or the id of a systemuser."""
        user_id = fixed_id(f"user {user}") if user in ("integration", "people", "system") else user
        return Caller(user, user_id, administrator=user in self.options.administrators)

    # ------------------------------------------------------------ the service's own answers

    def disabled(self) -> Reply:
        """What Dataverse says to a user who was disabled."""
        text = "The specified user(Id = 00000000-0000-0000-0000-00000000abcd) is disabled. Consider enabling this user."
        body = json.dumps({"error": {"code": "0x80040225", "message": text}}).encode()
        return Reply(self.options.disabled_user_status, {"Content-Type": "application/json"}, body)

    def throttled(self, refusal: Refusal) -> Reply:
        """Give the 429 of Dataverse."""
        code, text = {
            "requests": (
                "0x80072322",
                f"Number of requests exceeded the limit of {refusal.limit:g} over time window of "
                f"{refusal.window:g} seconds.",
            ),
            "execution": (
                "0x80072321",
                "Combined execution time of incoming requests exceeded limit of "
                f"{refusal.limit * 1000:,.0f} milliseconds over time window of {refusal.window:g} seconds. Decrease "
                "number of concurrent requests or reduce the duration of requests and try again later.",
            ),
            "concurrent": (
                "0x80072326",
                f"Number of concurrent requests exceeded the limit of {refusal.limit:g}.",
            ),
        }[refusal.kind]
        return SalesError(429, code, text).reply()

    def extra_headers(self, user: str) -> dict[str, str]:
        """Give the headers about limits. The remaining time has a thousands separator, as in the real service."""
        now = self.clock.now().timestamp()
        requests, seconds = self.limiter.remaining(user, now, requests=6000, seconds=1200.0)
        return {
            "OData-Version": "4.0",
            "x-ms-dop-hint": str(self.options.parallelism_hint),
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(requests),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{seconds:,.2f}",
        }

    def routes(self) -> list[BaseRoute]:
        """Give the routes of people."""
        return [self.people_route(f"/sandbox/people/{name}", action) for name, action in self.people.actions().items()]

    # ------------------------------------------------------------ answering

    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request of the Web API."""
        try:
            if len(path_and_query) > _LONGEST_URL:
                raise SalesError(414, "", "The request URL is too long.")
            path, _, query = path_and_query.partition("?")
            relative = relative_path(path)
            origin = headers.get(ORIGIN_HEADER, "http://localhost")
            version = path.split("/")[3]
            call = Call(
                method=method,
                root=f"{origin}/api/data/{version}/",
                path=relative,
                query=query,
                headers=headers,
                body=body,
                caller=self._caller_of(headers),
                prefer=Preferences.of(headers.get("prefer")),
            )
            if relative == "$batch":
                check_headers(call.method, headers)
                check_options(_options(query), (), "on $batch")
                if method != "POST":
                    raise SalesError(405, "0x8006088a", "The requested resource does not support this HTTP method.")
                return run_batch(self, call)
            return self.answer(call)
        except SalesError as error:
            return error.reply()

    def answer(self, call: Call) -> Reply:
        """Answer a request that is not a batch; a write is kept whole or not at all. Raises SalesError."""
        check_headers(call.method, call.headers)
        if call.method == "GET":
            return self._get(call)
        with self.engine.transaction():
            return self._write(call)

    def throttle_part(self) -> Reply | None:
        """Give a 429 for an operation of a batch whose turn it is, by the option `batch_throttle_every`."""
        every = self.options.batch_throttle_every
        self._batched += 1
        if every is None or self._batched % every:
            return None
        reply = self.throttled(Refusal("requests", 6000, 300, 1))
        reply.headers["Retry-After"] = "1"
        return reply

    def _caller_of(self, headers: Mapping[str, str]) -> Caller:
        caller = self.caller(headers.get(USER_HEADER, "integration"))
        bypass = "customsync" in headers.get("mscrm.bypassbusinesslogicexecution", "").lower() or (
            headers.get("mscrm.bypasscustompluginexecution", "").lower() == "true"
        )
        behind: str | None = None
        acting = caller.id
        entra = headers.get("callerobjectid")
        user = headers.get("mscrmcallerid")
        if entra or user:
            column = "azureactivedirectoryobjectid" if entra else "systemuserid"
            found = self.engine.find("systemuser", {column: (entra or user or "").lower()})
            if not found:
                raise SalesError(403, "0x80041d1f", "The user to act on behalf of does not exist.")
            acting, behind = found[0], caller.id
        return Caller(caller.name, acting, caller.administrator, bypass=bypass, on_behalf=behind)

    # ------------------------------------------------------------ GET

    def _get(self, call: Call) -> Reply:
        longest = _LONGEST_URL_IN_BATCH if call.in_batch else _LONGEST_URL
        if len(call.path) + len(call.query) > longest:
            raise SalesError(414, "", "The request URL is too long.")
        path = segments(call.path)
        options = _options(call.query)
        if call.path.rstrip("/") == "$metadata":
            check_options(options, (), "on $metadata")
            return Reply(
                200, {"Content-Type": "application/xml"}, csdl_document(self.model, self.options.no_bulk_messages)
            )
        if not path:
            check_options(options, (), "on the service document")
            return self._json({"@odata.context": f"{call.root}$metadata", "value": self._service_document()})
        head = path[0]
        if head.name == "EntityDefinitions":
            check_options(options, DEFINITIONS, "on definitions")
            return self._json(metadata.definitions(self.engine, path, options, call.root))
        if head.name in ("WhoAmI", "RetrieveVersion", "RetrieveCurrentOrganization"):
            check_options(options, (), "on functions")
            if len(path) > 1 or head.key:
                raise not_implemented(f"the path '{call.path}'")
            return self._json(self._function(call, head.name))
        table = self._table(head)
        if head.key is None:
            return self._get_set(call, table, path[1:])
        record_id = need_record(self.engine, table, parse_key(table, head.key))
        if call.prefer.track_changes:
            raise not_implemented("change tracking of a single record")
        if len(path) == 1:
            return self._get_record(call, table, record_id)
        return self._get_part(call, table, record_id, path[1:])

    def _get_set(self, call: Call, table: Table, rest: list[Segment]) -> Reply:
        options = _options(call.query)
        check_options(options, COUNT if rest else COLLECTION, "on a count" if rest else "on a collection")
        if len(rest) > 1:
            raise not_implemented(f"the path '{call.path}'")
        if rest and rest[0].name == "$count":
            number = (
                tracking.count_changes(self.engine, table, options)
                if "$deltatoken" in options.other
                else reading.count(self.engine, table, options)
            )
            return Reply(200, {"Content-Type": "text/plain"}, str(number).encode("utf-8-sig"))
        if rest:
            raise no_resource(rest[0].name)
        if tracking.is_tracked(call, options):
            tracking.check(self.engine, table, options)
            query = reading.read_query(self.engine, table, call.query)
            reply = self._text(tracking.changes(self.engine, call, table, query))
            reply.headers["Preference-Applied"] = "odata.track-changes"
            return reply
        query = reading.read_query(self.engine, table, call.query)
        return self._paged(call, reading.collection(self.engine, call, table, query))

    def _get_record(self, call: Call, table: Table, record_id: str) -> Reply:
        """Give one record, or 304 where If-None-Match names its version."""
        options = _options(call.query)
        check_options(options, SINGLE, "on one record")
        query = reading.read_query(self.engine, table, call.query)
        etag = f'W/"{self.engine.need(table.name, record_id)["versionnumber"]}"'
        known = call.headers.get("if-none-match") == etag and table.name not in self.options.no_versions
        if known and not options.expand and not call.prefer.annotations:
            return Reply(304, {"ETag": etag})
        reply = self._text(reading.single(self.engine, call, table, record_id, query))
        reply.headers["ETag"] = etag
        return reply

    def _get_part(self, call: Call, table: Table, record_id: str, rest: list[Segment]) -> Reply:
        name = rest[0].name
        row = self.engine.need(table.name, record_id)
        if rest[0].key is not None or len(rest) > 2 or (len(rest) == 2 and rest[1].name not in ("$ref", "$value")):
            raise not_implemented(f"the path '{call.path}'")
        if len(rest) == 2:
            check_options(_options(call.query), (), f"on {rest[1].name}")
            if rest[1].name == "$ref":
                return references.read(self.engine, call, table, record_id, name)
            return properties.read_value(table, row, name)
        if name in table.collections:
            check_options(_options(call.query), COLLECTION, "on a collection")
            child_name, lookup = table.collections[name]
            child = self.engine.table(child_name)
            where = self.store.column(child_name, lookup) == record_id
            query = reading.read_query(self.engine, child, call.query)
            return self._paged(call, reading.collection(self.engine, call, child, query, where))
        if name in table.navigation:
            check_options(_options(call.query), SINGLE, "on one record")
            found = referred(table, name, row)
            if found is None:
                return Reply(204)
            target = self.engine.table(found[0])
            query = reading.read_query(self.engine, target, call.query)
            return self._text(reading.single(self.engine, call, target, found[1], query))
        check_options(_options(call.query), (), "on a property")
        return properties.read(call, table, row, name)

    def _function(self, call: Call, name: str) -> dict[str, Any]:
        context = f"{call.root}$metadata#{_CRM}{name}Response"
        if name == "WhoAmI":
            user = self.engine.need("systemuser", call.caller.id)
            return {
                "@odata.context": context,
                "BusinessUnitId": user["businessunitid"],
                "UserId": user["systemuserid"],
                "OrganizationId": fixed_id("organization"),
            }
        if name == "RetrieveVersion":
            return {"@odata.context": context, "Version": self.options.version}
        detail = {"OrganizationId": fixed_id("organization"), "UniqueName": "contoso", "FriendlyName": "Contoso"}
        return {"@odata.context": context, "Detail": detail | {"OrganizationVersion": self.options.version}}

    def _service_document(self) -> list[dict[str, str]]:
        return [{"name": name, "kind": "EntitySet", "url": name} for name in self.model.by_set]

    # ------------------------------------------------------------ writes

    def _write(self, call: Call) -> Reply:
        path = segments(call.path)
        options = _options(call.query)
        check_options(options, SINGLE if call.prefer.representation else ("$id",), "on a write")
        if call.prefer.track_changes or call.prefer.page_size:
            raise not_implemented("preferences of reads on a write")
        if not path:
            raise SalesError(405, "0x8006088a", "The HTTP method is not supported for the service root.")
        head, rest = path[0], path[1:]
        if head.name == "EntityDefinitions":
            raise SalesError(405, "0x8006088a", "Operation not supported on EntityMetadata")
        if call.method == "POST" and head.key is None and not rest and head.name not in self.model.by_set:
            return self._action(call, head.name)
        table = self._table(head)
        if head.key is None:
            if call.method != "POST":
                raise SalesError(405, "0x8006088a", "The requested resource does not support this HTTP method.")
            if rest and rest[0].name.removeprefix(_CRM) in _BULK:
                return writing.bulk(self.engine, call, table, rest[0].name.removeprefix(_CRM))
            if rest:
                raise no_resource(rest[0].name)
            return writing.create(self.engine, call, table)
        key = parse_key(table, head.key)
        if rest:
            return self._write_part(call, table, need_record(self.engine, table, key), rest)
        if "$id" in options.other:
            check_options(options, SINGLE, "on a record")
        if call.method == "PATCH":
            return writing.upsert(self.engine, call, table, key)
        if call.method == "DELETE":
            return writing.delete(self.engine, call, table, need_record(self.engine, table, key))
        raise SalesError(405, "0x8006088a", "The requested resource does not support this HTTP method.")

    def _write_part(self, call: Call, table: Table, record_id: str, rest: list[Segment]) -> Reply:
        """Write one property of a record, or a reference to another record."""
        names = [segment.name for segment in rest]
        if names[-1] == "$ref" and len(rest) == 2:
            return references.write(self.engine, call, table, record_id, rest[0], _options(call.query).other.get("$id"))
        check_options(_options(call.query), (), "on a property")
        if len(rest) > 1 or rest[0].key is not None:
            raise not_implemented(f"the path '{call.path}' with {call.method}")
        return properties.write(self.engine, call, table, record_id, names[0])

    def _action(self, call: Call, name: str) -> Reply:
        body = parse_json(call.body)
        if name == "BulkDelete":
            return writing.bulk_delete(self.engine, call, body)
        try:
            made = perform(self.engine, call, name, body)
        except KeyError as error:
            raise SalesError(
                404,
                "0x8006088a",
                f"Resource not found for the segment '{name}': this stand-in implements no such action.",
            ) from error
        if made is None:
            return Reply(204)
        table = self.engine.table(made[0])
        query = reading.read_query(self.engine, table, "")
        return self._text(reading.single(self.engine, call, table, made[1], query))

    # ------------------------------------------------------------ helpers

    def _table(self, segment: Segment) -> Table:
        table = self.model.by_set.get(segment.name)
        if table is None:
            raise no_resource(unquote(segment.name))
        return table

    def _paged(self, call: Call, text: str) -> Reply:
        reply = self._text(text)
        if call.prefer.page_size:
            reply.headers["Preference-Applied"] = f"odata.maxpagesize={call.prefer.page_size}"
        return reply

    @staticmethod
    def _text(text: str) -> Reply:
        return Reply(200, {"Content-Type": MEDIA_TYPE}, text.encode())

    @staticmethod
    def _json(value: object) -> Reply:
        return Reply(200, {"Content-Type": MEDIA_TYPE}, json.dumps(value, ensure_ascii=False).encode())


def _options(query: str) -> Any:
    try:
        return parse_options(query)
    except QueryError as error:
        raise query_error(str(error)) from error
