import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox import Sandbox
from sandbox.__main__ import arguments

SALES = "/api/data/v9.2/"


def test_both_servers_answer_over_sockets_and_stop() -> None:
    with Sandbox(token="x") as sandbox, httpx.Client(headers={"Authorization": "Bearer x"}) as http:
        assert http.get(f"{sandbox.sales_url}{SALES}WhoAmI()").status_code == 200
        assert http.get(f"{sandbox.finops_url}/data").status_code == 200
        assert http.get(f"{sandbox.sales_url}{SALES}accounts", headers={"Authorization": "Bearer y"}).status_code == 401
        address = sandbox.sales_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_long_address_reaches_the_server() -> None:
    with Sandbox(token="x") as sandbox, httpx.Client(headers={"Authorization": "Bearer x"}) as http:
        names = ",".join(f'"{number:08}"' for number in range(1500))
        good = f"accounts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[{names}])"
        assert http.get(f"{sandbox.sales_url}{SALES}{good}").status_code == 200
        answer = http.get(f"{sandbox.sales_url}{SALES}accounts?$filter=name eq '{'x' * 33_000}'")
        assert answer.status_code == 414


def test_tls_comes_with_a_certificate_that_clients_can_trust() -> None:
    with Sandbox(token="x", tls=True) as sandbox:
        assert sandbox.certificate is not None
        folder = sandbox.certificate.parent
        context = ssl.create_default_context(cafile=str(sandbox.certificate))
        with httpx.Client(verify=context, headers={"Authorization": "Bearer x"}) as http:
            assert http.get(f"{sandbox.sales_url}{SALES}RetrieveVersion()").json()["Version"].startswith("9.2.")
    assert not folder.exists()


def test_the_command_prints_one_line_and_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "sandbox", "--token", "abc", "--requests-limit", "1", "--without-solution"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["token"] == "abc"
        with httpx.Client(headers={"Authorization": "Bearer abc"}) as http:
            columns = f"{told['sales']}{SALES}quotes?$select=msdynce_ismaintainedexternally"
            assert http.get(columns).status_code == 400
            assert http.get(columns).status_code == 429
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_the_command_seeds_a_company_whose_people_go_on_when_they_are_told_to() -> None:
    command = [sys.executable, "-m", "sandbox", "--company", "contoso"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with httpx.Client(headers={"Authorization": f"Bearer {told['token']}"}) as http:
            accounts = http.get(f"{told['sales']}{SALES}accounts?$select=name").json()["value"]
            assert len(accounts) > 1
            refused = http.post(f"{told['sales']}/sandbox/company/sell")
            assert refused.status_code == 400
            assert "synchronise products" in refused.json()["error"]
            assert http.post(f"{told['sales']}/sandbox/company/project").json()["connectionSet"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()


P2C = "from p2c.cli import main; main()"


def test_the_command_writes_what_p2c_needs_to_reach_it(tmp_path: Path) -> None:
    folder, root = tmp_path / "a b", Path(__file__).parents[2]
    command = [sys.executable, "-m", "sandbox", "--company", "contoso", "--into", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        script = f'. "{folder}/env" && "{sys.executable}" -c "{P2C}" run accounts --json'
        run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=root, check=False)
        assert (run.returncode, run.stderr) == (0, "")
        assert json.loads(run.stdout)["runs"][0]["counts"] == {"created": 12}
        project = json.loads((folder / "p2c.json").read_text(encoding="utf-8"))
        assert project["connectionSet"]["sales"]["url"] == told["sales"]
        assert [one.name.split("-")[0] for one in folder.iterdir() if one.is_dir()] == ["state"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_settings_are_those_of_a_company() -> None:
    with pytest.raises(SystemExit):
        arguments(["--into", "somewhere"])


def test_flags_have_the_documented_defaults() -> None:
    chosen = arguments([])
    assert (chosen.sales_port, chosen.finops_port, chosen.company, chosen.tls) == (0, 0, "none", False)
