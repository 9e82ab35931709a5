"""Does a deployed app live, and does it refuse strangers? `python infra/scripts/smoke.py URL` (or P2C_APP_URL).

Needs nothing but Python. It asks for nothing that needs a key: health must answer, everything else must refuse. Who
refuses differs: the webhooks' senders have no token, so a call must get through to the app, which compares their key.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

REFUSED = (401, 403)
OF_THE_APP = "x-correlation-id"
"""A header that every answer of the app's own has, and none of the platform's."""
WEBHOOKS = (("POST", "/api/webhooks/dataverse"), ("POST", "/api/webhooks/finops"))
CLOSED = (("GET", "/api/runs"), ("POST", "/api/runs"), ("GET", "/api/dead-letters"), *WEBHOOKS)
"""What must not answer a caller without a token or key."""


@dataclass(frozen=True)
class Answer:
    """A status (0: there was no answer at all), and whether the app gave it or something before it."""

    status: int
    of_the_app: bool = False


Ask = Callable[[str, str], Answer]
"""Method and address to what was answered."""


def ask(method: str, url: str) -> Answer:
    """The answer to a request without any credentials."""
    request = Request(url, method=method, data=b"{}" if method == "POST" else None)
    request.add_header("Content-Type", "application/json")
    try:
        with urlopen(request, timeout=60) as answer:
            return Answer(int(answer.status), OF_THE_APP in answer.headers)
    except HTTPError as error:
        return Answer(error.code, OF_THE_APP in error.headers)
    except (URLError, TimeoutError):
        return Answer(0)


def healthy(base: str, *, within: float, pause: float = 10.0, send: Ask = ask) -> bool:
    """Whether health answers 200 within so many seconds: a new app takes a while, and so do its roles."""
    end = time.monotonic() + within
    while send("GET", f"{base}/api/health").status != 200:
        if time.monotonic() + pause > end:
            return False
        time.sleep(pause)
    return True


def wrong_doors(base: str, *, send: Ask = ask) -> Iterator[str]:
    """Each address that did not refuse a caller without credentials, or at which the wrong one did."""
    for method, path in CLOSED:
        found = send(method, f"{base}{path}")
        if found.status not in REFUSED:
            yield f"{method} {path} answered {found.status} to a caller without a key; 401 or 403 was expected."
        elif (method, path) in WEBHOOKS and not found.of_the_app:
            yield (
                f"{method} {path} was refused before the app saw it, so senders with the right key are refused, too: "
                "Easy Auth must exclude this path (excludedPaths in infra/modules/easy-auth.bicep)."
            )


def main(given: Sequence[str] | None = None) -> int:
    """Prints what is wrong. Gives 0 when nothing is, 1 otherwise, 2 without an address."""
    arguments = sys.argv[1:] if given is None else list(given)
    base = (arguments[0] if arguments else os.environ.get("P2C_APP_URL", "")).rstrip("/")
    if urlsplit(base).scheme not in {"https", "http"}:
        print("Say which app: python infra/scripts/smoke.py https://…", file=sys.stderr)
        return 2
    if not healthy(base, within=300.0):
        why = "docs/deployment.md, When it gets stuck, says where to look"
        print(f"{base}/api/health does not answer 200; {why}.", file=sys.stderr)
        return 1
    found = list(wrong_doors(base))
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{base} is up and refuses strangers.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
