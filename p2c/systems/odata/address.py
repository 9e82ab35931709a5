"""Where a request goes: always to our own host, whatever a link in an answer says."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from p2c.errors import ConfigError


def is_loopback(url: str) -> bool:
    """Tell whether a URL's host is this machine: `localhost` or a loopback address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Address:
    """The service root of a system, such as `https://org.crm.dynamics.com/api/data/v9.2/`.

    Raises ConfigError for what is no http(s) URL, holds credentials, or would send a token unencrypted over a network.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{base_url!r} is not the address of a service.", hint="It looks like https://host/….")
        if "@" in parts.netloc:
            raise ConfigError("The address of a service cannot hold a user or password.")
        if parts.scheme == "http" and not is_loopback(base_url):
            raise ConfigError(f"{base_url!r} must begin with https://.", hint="A token never travels unencrypted.")
        self.origin = f"{parts.scheme}://{parts.netloc.lower()}"
        self._root = f"{self.origin}{parts.path.rstrip('/')}/"

    def resolve(self, path_or_url: str) -> str:
        """Give the full URL of a path below the root, a path from the host (`/data/…`), or a link in an answer.

        Of a link only path and query count: behind a load balancer F&O gives links with another host or scheme,
        and a token is for nobody else.
        """
        if path_or_url.lower().startswith(("http://", "https://")):
            rest = path_or_url.split("://", 1)[1]
            cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
            tail = rest[cut:]
            return self.origin + (tail if tail.startswith("/") else f"/{tail}")
        if path_or_url.startswith("/"):
            return f"{self.origin}/{path_or_url.lstrip('/')}"
        return self._root + path_or_url
