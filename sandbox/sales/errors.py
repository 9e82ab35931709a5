"""Refusals of the Web API: HTTP status, Dataverse error code and text."""

import json

from sandbox.wire.reply import Reply

_HELP = "https://go.microsoft.com/fwlink/?linkid=2195293"


class SalesError(Exception):
    """A request is refused with `status`, `code` (`0x…`, may be empty) and a text for the client."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def reply(self) -> Reply:
        """Give the answer in Dataverse's error format."""
        body = json.dumps({"error": {"code": self.code, "message": self.message}}, ensure_ascii=False)
        return Reply(self.status, {"Content-Type": "application/json; odata.metadata=minimal"}, body.encode())


def payload_error(entity_set: str, text: str) -> SalesError:
    """Give the 400 for a body that does not fit the table."""
    return SalesError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more information on this "
        f"error please follow this help link {_HELP}  ---->  InnerException : Microsoft.OData.ODataException: {text}",
    )


def query_error(text: str) -> SalesError:
    """Give the 400 for a query that is malformed or names what is not there."""
    return SalesError(400, "0x80060888", text)


def unknown_property(name: str, table: str) -> SalesError:
    """Give the 400 for a property that the table does not have (names are case-sensitive)."""
    return query_error(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def no_resource(segment: str) -> SalesError:
    """Give the 404 for a path that leads nowhere."""
    return SalesError(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def lacks_privilege(name: str, table: str, principal: str, caller: str) -> SalesError:
    """Give the 403 for a user who lacks a privilege: the caller, or the owner that a record is given to."""
    return SalesError(
        403,
        "0x80040220",
        f"Principal user (Id={principal}, type=8) is missing {name} privilege for {table}. context.Caller={caller}.",
    )


def missing_record(table: str, record_id: str) -> SalesError:
    """Give the 404 for an id without a record."""
    return SalesError(404, "0x80040217", f"Entity '{table}' With Id = {record_id} Does Not Exist")


def missing_key(table: str) -> SalesError:
    """Give the 404 for an alternate key without a record."""
    return SalesError(404, "0x80060891", f"A record with the specified key values does not exist in {table} entity")


def bad_status(status: int, state_name: str, table: str, record_id: str) -> SalesError:
    """Give the 400 for a status reason that does not belong to the state."""
    return SalesError(
        400,
        "0x80048408",
        f"{status} is not a valid status code for state code {state_name} on {table} with Id {record_id}.",
    )
