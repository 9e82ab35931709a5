"""Actions that clients call before they work: versions and installed modules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.finops.answers import value
from sandbox.finops.infolog import NoResourceError
from sandbox.finops.resource import Resource
from sandbox.wire.reply import Reply


@dataclass
class Installation:
    """What the server says of itself."""

    application_version: str = "10.0.43"
    application_build: str = "10.0.2177.37"
    platform_build: str = "7.0.7606.56"
    modules: tuple[str, ...] = (
        "Name: ApplicationPlatform | Version: 7.0.7606.56 | Module: ApplicationPlatform | Publisher: Microsoft "
        "Corporation | DisplayName: Application Platform",
        "Name: ApplicationSuite | Version: 10.0.2177.37 | Module: ApplicationSuite | Publisher: Microsoft "
        "Corporation | DisplayName: Application Suite",
    )


_VERSIONS: Mapping[str, Callable[[Installation], str]] = {
    "GetApplicationVersion": lambda installed: installed.application_version,
    "GetApplicationBuildVersion": lambda installed: installed.application_build,
    "GetPlatformBuildVersion": lambda installed: installed.platform_build,
}


def run_action(resource: Resource, url: str, origin: str, installed: Installation) -> Reply:
    """The answer of a bound action. Raises NoResourceError for an action that the set does not have."""
    name, entity = resource.action, resource.named_set.name
    if entity == "DataManagementEntities" and name in _VERSIONS:
        return value(origin, "Edm.String", json.dumps(_VERSIONS[name](installed)))
    if entity == "SystemNotifications" and name == "GetInstalledModules":
        return value(origin, "Collection(Edm.String)", json.dumps(list(installed.modules)))
    raise NoResourceError(url)
