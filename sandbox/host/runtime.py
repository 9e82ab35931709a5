"""Whether Microsoft's worker library can run here."""

from __future__ import annotations

import importlib.util
import sys

from sandbox.host.errors import HostError

_NEEDS = (3, 13)


def require_runtime(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Make sure that `azure-functions-runtime` can be imported. Raises HostError that says what to install.

    The library is made for Python 3.13 and later; what Azure runs on older ones is another program, not on PyPI.
    """
    if version < _NEEDS:
        found = ".".join(str(part) for part in version)
        raise HostError(
            f"The local host needs Python 3.13 or later, because Microsoft's worker library azure-functions-runtime "
            f"does; this is Python {found}. Make the virtual environment with 3.13, or use Azure Functions Core Tools."
        )
    if importlib.util.find_spec("azure_functions_runtime") is None:
        raise HostError("The package azure-functions-runtime is not installed: pip install 'p2c[sandbox]' brings it.")
