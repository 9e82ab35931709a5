"""Does a deployed app live, and does it refuse strangers? `python infra/scripts/smoke.py URL` (or P2C_APP_URL).

Needs nothing but Python. It asks for nothing that needs a key: health must answer, everything else must refuse.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

REFUSED = (401, 403)
CLOSED = (
    ("GET", "/api/runs"),
    ("POST", "/api/runs"),
    ("GET", "/api/dead-letters"),
    ("POST", "/api/webhooks/dataverse"),
    ("POST", "/api/webhooks/finops"),
)
"""What must not answer a caller without a token or key."""

Ask = Callable[[str, str], int]
"""Method and address to status; 0 when there was no answer at all."""


def ask(method: str, url: str) -> int:
    """The status of a request without any credentials."""
    request = Request(url, method=method, data=b"{}" if method == "POST" else None)
    request.add_header("Content-Type", "application/json")
    try:
        with urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, TimeoutError):
        return 0


def healthy(base: str, *, within: float, pause: float = 10.0, send: Ask = ask) -> bool:
    """Whether health answers 200 within so many seconds: a new app takes a while, and so do its roles."""
    end = time.monotonic() + within
    while send("GET", f"{base}/api/health") != 200:
        if time.monotonic() + pause > end:
            return False
        time.sleep(pause)
    return True


def open_doors(base: str, *, send: Ask = ask) -> Iterator[str]:
    """Each address that did not refuse a caller without credentials, with what it answered."""
    for method, path in CLOSED:
        status = send(method, f"{base}{path}")
        if status not in REFUSED:
            yield f"{method} {path} answered {status} to a caller without a key; 401 or 403 was expected."


def main(given: Sequence[str] | None = None) -> int:
    """Prints what is wrong. Gives 0 when nothing is, 1 otherwise, 2 without an address."""
    arguments = sys.argv[1:] if given is None else list(given)
    base = (arguments[0] if arguments else os.environ.get("P2C_APP_URL", "")).rstrip("/")
    if urlsplit(base).scheme not in {"https", "http"}:
        print("Say which app: python infra/scripts/smoke.py https://…", file=sys.stderr)
        return 2
    if not healthy(base, within=300.0):
        print(f"{base}/api/health does not answer 200. See the app's log stream and its settings.", file=sys.stderr)
        return 1
    found = list(open_doors(base))
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{base} is up and refuses strangers.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
