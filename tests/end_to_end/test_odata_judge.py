"""Microsoft's OData library judges every exchange of a synchronisation with both servers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from demo.stage import raised
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService
from sandbox.wire.service import ORIGIN_HEADER, Reply

JUDGE = Path(__file__).parents[3] / "shared" / "tools" / "judge_odata.py"
_KEPT = ("accept", "content-type", "prefer", "if-match", "if-none-match", "odata-version", "odata-maxversion")


def record(monkeypatch: pytest.MonkeyPatch, service: type[SalesService | FinOpsService], into: list[Any]) -> None:
    """Keep each request that reaches the service, with its answer."""
    original = service.handle

    def handle(self: Any, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        reply = original(self, method, url, headers, body)
        into.append(
            {
                "at": f"{method} {url}"[:200],
                "method": method,
                "url": headers.get(ORIGIN_HEADER, "http://localhost") + url,
                "headers": {name: value for name, value in headers.items() if name in _KEPT},
                "body": body.decode(),
                "status": reply.status,
                "answer_headers": dict(reply.headers),
                "answer": reply.body.decode("utf-8-sig"),
            }
        )
        return reply

    monkeypatch.setattr(service, "handle", handle)


@pytest.mark.skipif(not JUDGE.is_file(), reason="the OData judge is not beside the project")
def test_every_exchange_of_a_synchronisation_is_valid_odata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    exchanges: list[Any] = []
    record(monkeypatch, SalesService, exchanges)
    record(monkeypatch, FinOpsService, exchanges)
    with raised() as stage:
        stage.company.set_up()
        stage.run()
        stage.company.sell()
        stage.run()
        stage.company.fulfil()
        stage.run()
        stage.company.change()
        stage.run()
    assert {exchange["method"] for exchange in exchanges} >= {"GET", "POST"}
    file = tmp_path / "exchanges.jsonl"
    file.write_text("".join(json.dumps(exchange) + "\n" for exchange in exchanges), encoding="utf-8")
    done = subprocess.run([sys.executable, JUDGE, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 findings" in done.stdout
