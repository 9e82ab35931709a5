"""App settings: local.settings.json, `%NAME%` in bindings, and the settings that a connection consists of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.host.errors import HostError

_REFERENCE = re.compile(r"%([^%]+)%")
_NOT_RESOLVED = frozenset({"name", "type", "direction", "connection", "route", "methods", "authLevel", "cardinality"})


def read_local_settings(file: Path) -> dict[str, str]:
    """Give `Values` of a local.settings.json. Raises HostError."""
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        values = given["Values"]
        if given.get("IsEncrypted") is True:
            raise HostError(f"{file} is encrypted; func settings decrypt makes it readable")
    except OSError as error:
        raise HostError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(f'{file} is no settings file: it is {{"IsEncrypted": false, "Values": {{…}}}}') from error
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise HostError(f"Values in {file} are texts, which {', '.join(wrong)} is not")
    return dict(values)


def resolve_binding(binding: Mapping[str, Any], function: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """Give a binding with the settings that `%NAME%` stands for. Raises HostError that names a missing one."""
    resolved = dict(binding)
    for name, value in binding.items():
        if name in _NOT_RESOLVED or not isinstance(value, str):
            continue
        for setting in _REFERENCE.findall(value):
            if _find(settings, setting) is None:
                raise HostError(f"The function {function} needs the setting {setting} for its {name}, which is not set")
        resolved[name] = _REFERENCE.sub(lambda found: _find(settings, found[1]) or "", value)
    return resolved


def check_connection(connection: str, function: str, settings: Mapping[str, str]) -> None:
    """Make sure that a connection is set: as a connection string, or by identity. Raises HostError."""
    names = [connection, f"AzureWebJobs{connection}", f"{connection}__fullyQualifiedNamespace"]
    if not any(_find(settings, name) for name in names):
        raise HostError(
            f"The function {function} needs the setting {connection}__fullyQualifiedNamespace (or {connection} with a "
            "connection string), which is not set"
        )


def check_storage(function: str, settings: Mapping[str, str]) -> None:
    """Make sure that the host has its storage account, which every trigger but HTTP needs. Raises HostError."""
    names = ["AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__blobServiceUri"]
    if not any(_find(settings, name) for name in names):
        raise HostError(f"The function {function} needs the setting AzureWebJobsStorage, which is not set")


def _find(settings: Mapping[str, str], name: str) -> str | None:
    """A setting's value, also under the name in another case, as the host's configuration has it."""
    if name in settings:
        return settings[name]
    lowered = name.lower()
    return next((value for each, value in settings.items() if each.lower() == lowered), None)
