"""The Power Automate connector, made of the API's OpenAPI document: `python -m p2c.triggers.connector`.

Power Automate reads OpenAPI 2.0 only, and takes the first security definition there is. Without arguments the files of
`connector/` are written, with placeholders; with `--host` and the ids of a tenant, files that can be imported as they
are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from p2c.triggers.connector_words import LEFT_OUT, REQUIRED, TEST, VISIBILITY, about, choices, description
from p2c.triggers.openapi import document

FOLDER = Path(__file__).parent.parent.parent / "connector"
DEFINITION = "apiDefinition.swagger.json"
PROPERTIES = "apiProperties.json"
BRAND = "#0b5a6f"
_LOGIN = "https://login.microsoftonline.com"
_DROPPED = ("title", "description", "default", "anyOf", "properties", "items", "required")
_ENDED = "The run has ended: the answer that the address under Location gives at last."


@dataclass(frozen=True, slots=True)
class Place:
    """Where the app is, and who signs in how: the app's own registration (`api`) and the connector's."""

    host: str = "your-app.azurewebsites.net"
    auth: Literal["entra", "key"] = "entra"
    tenant: str = "TENANT-ID"
    api: str = "API-CLIENT-ID"
    connector: str = "CONNECTOR-CLIENT-ID"

    @property
    def resource(self) -> str:
        """The application ID URI that tokens are asked for."""
        return f"api://{self.api}"


def definition(place: Place) -> dict[str, Any]:
    """`apiDefinition.swagger.json`."""
    source = document()
    paths: dict[str, dict[str, Any]] = {}
    for path, operations in source["paths"].items():
        for method, operation in operations.items():
            if operation["operationId"] not in LEFT_OUT:
                paths.setdefault(path, {})[method] = _operation(operation)
    return {
        "swagger": "2.0",
        "info": {
            "title": source["info"]["title"],
            "version": source["info"]["version"],
            "description": source["info"]["description"],
            "contact": {"name": "The operators of this installation"},
        },
        "host": place.host,
        "basePath": source["servers"][0]["url"],
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        **_security(place),
        "x-ms-capabilities": {"testConnection": {"operationId": TEST, "parameters": {}}},
        "paths": paths,
        "definitions": _definitions(source["components"]["schemas"], paths),
    }


def properties(place: Place) -> dict[str, Any]:
    """`apiProperties.json`: how a connection signs in, and the colour behind the icon."""
    return {
        "properties": {
            "connectionParameters": _key() if place.auth == "key" else _entra(place),
            "iconBrandColor": BRAND,
            "capabilities": [],
            "policyTemplateInstances": [],
        }
    }


def written(content: Mapping[str, Any]) -> str:
    """The text of a file."""
    return json.dumps(content, indent=4, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes both files."""
    parser = argparse.ArgumentParser(prog="python -m p2c.triggers.connector", description="Write the connector.")
    usual = Place()
    parser.add_argument("--host", default=usual.host, help="host name of the function app")
    parser.add_argument("--auth", choices=("entra", "key"), default=usual.auth, help="sign-in, or a function key")
    parser.add_argument("--tenant", default=usual.tenant, help="id of the tenant")
    parser.add_argument("--api", default=usual.api, help="client id of the app's registration")
    parser.add_argument("--connector", default=usual.connector, help="client id of the connector's registration")
    parser.add_argument("--into", type=Path, default=FOLDER, help="folder for the files")
    given = parser.parse_args(arguments)
    place = Place(given.host, given.auth, given.tenant, given.api, given.connector)
    given.into.mkdir(parents=True, exist_ok=True)
    (given.into / DEFINITION).write_text(written(definition(place)), encoding="utf-8")
    (given.into / PROPERTIES).write_text(written(properties(place)), encoding="utf-8")


# --- operations ---


def _operation(one: Mapping[str, Any]) -> dict[str, Any]:
    id_: str = one["operationId"]
    found: dict[str, Any] = {name: one[name] for name in ("operationId", "summary", "description")}
    found["x-ms-visibility"] = VISIBILITY[id_]
    parameters = [_parameter(id_, parameter) for parameter in one.get("parameters", ())]
    if "requestBody" in one:
        schema = _schema("", "", one["requestBody"]["content"]["application/json"]["schema"])
        parameters.append(
            {"name": "body", "in": "body", "required": True, "schema": schema}
            | about(id_, "body")
            | {"description": "What is asked for."}
        )
    if parameters:
        found["parameters"] = parameters
    responses = {status: _response(response) for status, response in one["responses"].items()}
    if "202" in responses and "200" not in responses:
        # A flow follows Location by itself; what its next steps see is the answer found there in the end.
        responses["200"] = {"description": _ENDED, "schema": responses["202"]["schema"]}
    found["responses"] = dict(sorted(responses.items()))
    return found


def _parameter(operation: str, one: Mapping[str, Any]) -> dict[str, Any]:
    name: str = one["name"]
    found = {"name": name, "in": one["in"], "required": one.get("required", False), "type": one["schema"]["type"]}
    found |= about(operation, name) | choices(operation, name)
    found["description"] = description(operation, name, one.get("description", ""))
    if one["in"] == "path":
        found["x-ms-url-encoding"] = "single"
    return found


def _response(one: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": one["description"]}
    for content in one.get("content", {}).values():
        found["schema"] = _schema("", "", content["schema"])
    if "headers" in one:
        found["headers"] = {
            name: {**header["schema"], "description": header["description"]} for name, header in one["headers"].items()
        }
    return found


# --- schemas ---


def _definitions(schemas: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[str, Any]:
    """The models that the paths lead to, directly or through others."""
    found: dict[str, Any] = {}
    wanted = _references(paths)
    while missing := sorted(wanted - set(found)):
        for name in missing:
            found[name] = _schema(name, "", schemas[name])
            wanted |= _references(found[name])
    return dict(sorted(found.items()))


def _references(content: Any) -> set[str]:
    if isinstance(content, Mapping):
        own = {str(content["$ref"]).rpartition("/")[2]} if "$ref" in content else set()
        return own.union(*(_references(one) for one in content.values()))
    if isinstance(content, list):
        return set[str]().union(*(_references(one) for one in content))
    return set()


def _schema(model: str, name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of OpenAPI 3.1 as 2.0 has it; `name` is that of the field it belongs to, empty for a model."""
    if "$ref" in one:
        return {"$ref": f"#/definitions/{str(one['$ref']).rpartition('/')[2]}"}
    # What may be null is left out of answers instead, and 2.0 has no word for it.
    (only,) = [kind for kind in one.get("anyOf", [one]) if kind.get("type") != "null"]
    found = {word: value for word, value in only.items() if word not in _DROPPED}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if one.get("default"):
        found["default"] = one["default"]
    if "items" in one:
        found["items"] = _schema(model, "", one["items"])
        found["items"] |= choices(model, name)
    else:
        found |= choices(model, name)
    if "properties" in one:
        found["properties"] = {
            field: _schema(model, field, content) | _telling(model, field, content)
            for field, content in one["properties"].items()
        }
        needed = {*one.get("required", ()), *filter(None, [REQUIRED.get(model)])}
        if required := [field for field in one["properties"] if field in needed]:
            found["required"] = required
    if not name and "description" in one:
        found["description"] = str(one["description"]).strip().partition("\n")[0]
    return found


def _telling(model: str, field: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return about(model, field) | {"description": description(model, field, str(content.get("description", "")))}


# --- signing in ---


def _security(place: Place) -> dict[str, Any]:
    if place.auth == "key":
        return {
            "securityDefinitions": {"function_key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
            "security": [{"function_key": []}],
        }
    scope = f"{place.resource}/access_as_user"
    return {
        "securityDefinitions": {
            "entra": {
                "type": "oauth2",
                "flow": "accessCode",
                "authorizationUrl": f"{_LOGIN}/{place.tenant}/oauth2/v2.0/authorize",
                "tokenUrl": f"{_LOGIN}/{place.tenant}/oauth2/v2.0/token",
                "scopes": {scope: "Act as the person who made the connection."},
            }
        },
        "security": [{"entra": [scope]}],
    }


def _entra(place: Place) -> dict[str, Any]:
    return {
        "token": {
            "type": "oauthSetting",
            "oAuthSettings": {
                "identityProvider": "aad",
                "clientId": place.connector,
                "scopes": [],
                "redirectMode": "GlobalPerConnector",
                "properties": {"IsFirstParty": "False", "AzureActiveDirectoryResourceId": place.resource},
                "customParameters": {
                    "loginUri": {"value": _LOGIN},
                    "tenantId": {"value": place.tenant},
                    "resourceUri": {"value": place.resource},
                    "enableOnbehalfOfLogin": {"value": "false"},
                },
            },
        },
        "token:TenantId": {
            "type": "string",
            "metadata": {"sourceType": "AzureActiveDirectoryTenant"},
            "uiDefinition": {"constraints": {"required": "false", "hidden": "true"}},
        },
    }


def _key() -> dict[str, Any]:
    return {
        "api_key": {
            "type": "securestring",
            "uiDefinition": {
                "displayName": "Function key",
                "description": "A key of the function app.",
                "tooltip": "A key of the function app, from App keys in the portal.",
                "constraints": {"tabIndex": 2, "clearText": False, "required": "true"},
            },
        }
    }


if __name__ == "__main__":
    main()
