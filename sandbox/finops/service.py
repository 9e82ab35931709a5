"""The F&O server: OData under ``/data``, people under ``/sandbox``."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.routing import BaseRoute

from sandbox.finops.actions import Installation, run_action
from sandbox.finops.answers import JSON_HEADERS
from sandbox.finops.batch import Batch
from sandbox.finops.books import Books, Company
from sandbox.finops.catalog import entity_sets
from sandbox.finops.companies import DEFAULT_COMPANIES, add_company, install
from sandbox.finops.implemented import WRITE, check_headers, options_of
from sandbox.finops.infolog import NoResourceError, RequestError
from sandbox.finops.metadata import metadata_document
from sandbox.finops.options import Faults, Options
from sandbox.finops.people import People
from sandbox.finops.reading import Reader
from sandbox.finops.resource import Resource, parse_url
from sandbox.finops.rest_metadata import answer as rest_metadata_answer
from sandbox.finops.rest_metadata import is_metadata
from sandbox.finops.writing import Writer
from sandbox.wire.limiter import Refusal
from sandbox.wire.multipart import Operation
from sandbox.wire.service import ORIGIN_HEADER, USER_HEADER, Clock, Limits, PeopleError, Reply, Service

_USER_LIMITS = {
    "requests": "Number of requests exeeded the limit of {limit:.0f} over time window of {window:.0f} seconds.",
    "execution": "Combined execution time of incoming requests exceeded limit of {limit:.0f} milliseconds over time "
    "window of {window:.0f} seconds. Decrease number of concurrent requests or reduce the duration of requests and try "
    "again later.",
    "concurrent": "Number of concurrent requests exceeded the limit of {limit:.0f}.",
}
_BUSY = "This request could not be processed at this time due to system experiencing high resource utilization."


class FinOpsService(People, Service):
    """Finance and Operations with the set-up of a few companies and no documents.

    ``options`` are the switches, ``faults`` the misfortunes to come, ``books`` the data, ``installed`` the versions.
    """

    def __init__(
        self,
        *,
        token: str = "finops-token",
        limits: Limits | None = None,
        clock: Clock | None = None,
        options: Options | None = None,
        companies: Iterable[Company] = DEFAULT_COMPANIES,
        seed: int = 1,
    ) -> None:
        super().__init__(token=token, limits=limits, clock=clock)
        self.options = options or Options()
        self.faults = Faults()
        self.installed = Installation()
        self.books = Books(self.options, self.clock, seed)
        install(self.books, companies)
        self.writer = Writer(self.books, self.faults)
        self._reader = Reader(self.books)
        self._origin = "http://localhost"
        self._batch = Batch(self.books, self.options, self.faults, self._answer_part)

    def acting(self) -> str:
        """People act under one name."""
        return "people"

    def new_company(self, company: Company) -> None:
        """Adds a legal entity with its set-up."""
        with self._doing():
            add_company(self.books, company)

    # ---------------------------------------------------------------- HTTP

    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answers one authenticated request."""
        if self.faults.take("gateway_errors"):
            return _bad_gateway()
        if self.faults.take("resource_throttles"):
            return Reply(
                429, {"Retry-After": str(self.faults.retry_after), "Content-Type": "text/plain"}, _BUSY.encode()
            )
        longest = self.options.max_url_length
        if longest is not None and len(path_and_query) > longest:
            return Reply(
                self.options.max_url_status, {"Content-Type": "text/html"}, _html("The request URL is too long.")
            )
        self._origin = headers.get(ORIGIN_HEADER, "http://localhost")
        with self.lock, self.books.acting_as(headers.get(USER_HEADER, "integration")):
            reply = self._answer(method, path_and_query, headers, body)
        return _bad_gateway() if self.faults.take("lost_answers") else reply

    def disabled(self) -> Reply:
        """What F&O says to a user who was disabled."""
        body = json.dumps({"Message": "User 'p2c' is disabled."}).encode()
        return Reply(self.options.disabled_user_status, {"Content-Type": "application/json"}, body)

    def throttled(self, refusal: Refusal) -> Reply:
        """429 with the text of the limit that was reached."""
        text = _USER_LIMITS[refusal.kind].format(limit=refusal.limit, window=refusal.window)
        body = json.dumps({"error": {"code": "", "message": text}}).encode()
        return Reply(429, {"Content-Type": "application/json"}, body)

    def extra_headers(self, user: str) -> dict[str, str]:
        """Every answer carries the id under which the request was logged."""
        return {"ms-dyn-aid": str(uuid.uuid4())}

    def routes(self) -> list[BaseRoute]:
        """The people's routes."""
        return [self.people_route(f"/sandbox/{name}", _by_name(action)) for name, action in self.actions().items()]

    # ---------------------------------------------------------------- answering

    def _answer_part(self, operation: Operation) -> Reply:
        self.stats.operation(operation.method, operation.url)
        return self._answer(operation.method, operation.url, operation.headers, operation.body, inside_batch=True)

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, inside_batch: bool = False
    ) -> Reply:
        try:
            check_headers(method, headers)
            if is_metadata(url) and not inside_batch:
                return rest_metadata_answer(method, url, self._origin)
            resource = parse_url(url, self.options.date_keys)
            if resource.kind == "batch" and (inside_batch or method != "POST"):
                raise NoResourceError(url)
            return self._route(method, resource, url, headers, body)
        except RequestError as error:
            return error.reply()
        except NoResourceError as error:
            return error.reply()

    def _route(self, method: str, resource: Resource, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        origin = self._origin
        match (resource.kind, method):
            case ("set", "GET"):
                return self._reader.rows(resource, origin)
            case ("set", "POST"):
                return self.writer.create(resource, origin, body)
            case ("set", "PATCH" | "PUT" | "DELETE"):
                raise RequestError(400, "More than one resource was found when selecting for update.")
            case ("row", "GET"):
                return self._reader.row(resource, origin)
            case ("row", "PATCH" | "PUT"):
                return self.writer.update(resource, headers, body)
            case ("row", "DELETE"):
                return self.writer.delete(resource, headers)
            case ("count", "GET"):
                return self._reader.count(resource)
            case ("action", "POST"):
                options_of(resource.query, WRITE)
                return run_action(resource, url, origin, self.installed)
            case ("batch", "POST"):
                options_of(resource.query, ())
                return self._batch.run(headers, body)
            case ("metadata", "GET"):
                options_of(resource.query, ())
                return Reply(200, {"Content-Type": "application/xml", "OData-Version": "4.0"}, metadata_document())
            case ("root", "GET"):
                options_of(resource.query, ())
                return Reply(200, dict(JSON_HEADERS), _service_document(origin))
        raise RequestError(405, f"The requested resource does not support http method '{method}'.")


def _service_document(origin: str) -> bytes:
    found = [{"name": name, "kind": "EntitySet", "url": name} for name in entity_sets()]
    return json.dumps({"@odata.context": f"{origin}/data/$metadata", "value": found}).encode()


def _by_name(action: Callable[..., Any]) -> Callable[[dict[str, Any]], object]:
    def call(given: dict[str, Any]) -> object:
        try:
            return action(**given)
        except TypeError as error:
            raise PeopleError(str(error)) from error

    return call


def _bad_gateway() -> Reply:
    return Reply(502, {"Content-Type": "text/html"}, _html("502 - Web server received an invalid response."))


def _html(text: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>Error</title></head><body><h2>{text}</h2></body></html>".encode()
