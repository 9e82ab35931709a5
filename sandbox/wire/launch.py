"""Both servers in one background thread, for tests, benchmarks, the demo and the command line."""

import asyncio
import datetime as dt
import ipaddress
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.finops.service import FinOpsService
from sandbox.sales.service import SalesService
from sandbox.wire.service import Clock, Service

_START_SECONDS = 20.0
# A GET may carry an address of 32,768 characters.
_LONGEST_HEAD = 128 * 1024


class Sandbox:
    """A Sales and an F&O server on 127.0.0.1. Use it as a context manager.

    Without services of your own it makes default ones that share a clock and a token. Port 0 is any free port. With
    `tls` both speak https with a certificate made at the start, whose path is `certificate`.
    """

    def __init__(
        self,
        *,
        sales: SalesService | None = None,
        finops: FinOpsService | None = None,
        token: str = "sandbox",
        sales_port: int = 0,
        finops_port: int = 0,
        tls: bool = False,
    ) -> None:
        clock = sales.clock if sales else finops.clock if finops else Clock()
        self.sales = sales or SalesService(token=token, clock=clock)
        self.finops = finops or FinOpsService(token=token, clock=clock)
        self._ports = (sales_port, finops_port)
        self._tls = tls
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._servers: list[uvicorn.Server] = []
        self._thread: threading.Thread | None = None
        self.certificate: Path | None = None
        self.sales_url = ""
        self.finops_url = ""

    @property
    def token(self) -> str:
        """The bearer token of the integration user in Sales."""
        return self.sales.token

    def start(self) -> "Sandbox":
        """Start both servers and wait until they answer. Raises RuntimeError when they do not."""
        if self._thread is not None:
            raise RuntimeError("The sandbox runs already.")
        files: tuple[Path, Path] | None = None
        if self._tls:
            self._folder = tempfile.TemporaryDirectory(prefix="p2c-sandbox-")
            files = make_certificate(Path(self._folder.name))
            self.certificate = files[0]
        sockets = [_listen(port) for port in self._ports]
        scheme = "https" if self._tls else "http"
        self.sales_url, self.finops_url = (f"{scheme}://127.0.0.1:{found.getsockname()[1]}" for found in sockets)
        self._servers = [_server(service, files) for service in (self.sales, self.finops)]
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(sockets, started), name="sandbox", daemon=True)
        self._thread.start()
        if not started.wait(_START_SECONDS):
            self.stop()
            raise RuntimeError("The sandbox did not start in time.")
        return self

    def stop(self) -> None:
        """Stop both servers and wait for them."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
            self._thread = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, sockets: list[socket.socket], started: threading.Event) -> None:
        asyncio.run(self._serve(sockets, started))

    async def _serve(self, sockets: list[socket.socket], started: threading.Event) -> None:
        tasks = [
            asyncio.create_task(server.serve([listening]))
            for server, listening in zip(self._servers, sockets, strict=True)
        ]
        while not all(server.started for server in self._servers):
            if any(task.done() for task in tasks):
                break
            await asyncio.sleep(0.005)
        else:
            started.set()
        await asyncio.gather(*tasks)
        # A client that keeps a TLS connection never answers its closing; do not leave the socket to the collector.
        for server in self._servers:
            for connection in list(server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
        await asyncio.sleep(0.01)


def _listen(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    found.listen(512)
    found.setblocking(False)
    return found


def _server(service: Service, files: tuple[Path, Path] | None) -> uvicorn.Server:
    config = uvicorn.Config(
        service.app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        http="h11",
        timeout_graceful_shutdown=1,
        ssl_certfile=str(files[0]) if files else None,
        ssl_keyfile=str(files[1]) if files else None,
    )
    return uvicorn.Server(config)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost and give the paths of certificate and key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "sandbox.pem", folder / "sandbox.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path
