"""Which two environments a state belongs to: what is remembered of one pair says nothing of another."""

from __future__ import annotations

import json
from collections.abc import Mapping

from p2c.errors import StateError
from p2c.state.store import Store

NAME = "environments.json"
_VERSION = 1
_HINT = (
    "If these are the right environments (one was copied or moved), confirm it with `p2c state bind` or `p2c run "
    "--rebind`: the next runs then compare every document. Else use another state (--state, P2C_STATE)."
)


class Binding:
    """The identities that the state in `store` is bound to: a name for each system, and what identifies it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self) -> dict[str, str]:
        """The identities; none while the state is new. Raises StateError when they cannot be read."""
        blob = await self._store.read(NAME)
        if blob is None:
            return {}
        try:
            document = json.loads(blob.data)
            if document["version"] > _VERSION:
                raise StateError(f"{NAME} was written by a newer p2c.", hint="Update p2c.")
            found = document["identities"]
            if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
                raise TypeError("it holds no identities")
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{NAME} is damaged: {error}.",
                hint="Restore it from a backup, or delete it and confirm with `p2c state bind`.",
            ) from error
        return dict(found)

    async def check(self, identities: Mapping[str, str]) -> bool:
        """Whether the state is bound to these environments; False while it is bound to none.

        Raises StateError when it belongs to others.
        """
        known = await self.read()
        wrong = [name for name, one in identities.items() if known.get(name, one) != one]
        if wrong:
            told = "; ".join(f"{name} is {identities[name]}, the state knows {known[name]}" for name in wrong)
            raise StateError(f"The state belongs to other environments: {told}.", hint=_HINT)
        return bool(known)

    async def bind(self, identities: Mapping[str, str]) -> None:
        """Binds the state to these environments, whatever it was bound to."""
        document = {"version": _VERSION, "identities": dict(identities)}
        await self._store.write(NAME, json.dumps(document, indent=1).encode())
