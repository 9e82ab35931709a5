"""azure.yaml and the workflows: they name what exists, take no standing credentials, and pin what they use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from p2c.shell import Exit
from p2c.templates.load import builtin_templates
from tests.infra.bicep import INFRA, MAIN, PARAMETERS, ROOT, of_kind, properties, text_of

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ALERTS = INFRA / "modules" / "alerts.bicep"


def loaded(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{path.stem}.{name}", job) for path in WORKFLOWS for name, job in loaded(path)["jobs"].items()]


def commands() -> list[str]:
    return [step["run"] for _, job in jobs() for step in job.get("steps", []) if "run" in step]


def test_azd_finds_the_app_by_its_service_name() -> None:
    services = loaded(ROOT / "azure.yaml")["services"]
    given = properties(properties(of_kind(MAIN, "module")["app"].body)["params"])
    assert list(services) == [text_of(given["serviceName"]).strip("'")]
    (service,) = services.values()
    assert (service["host"], service["language"]) == ("function", "python")
    assert (ROOT / service["project"]).resolve() == ROOT


def test_azd_hooks_run_scripts_that_exist_on_both_kinds_of_machine() -> None:
    for hook in loaded(ROOT / "azure.yaml")["hooks"].values():
        assert set(hook) == {"posix", "windows"}
        for command in hook.values():
            script = command["run"].split()[1]
            assert (ROOT / script).is_file()


def test_azd_reads_outputs_that_exist() -> None:
    outputs = of_kind(MAIN, "output")
    assert {"P2C_APP_URL", "P2C_APP_NAME", "AZURE_RESOURCE_GROUP"} <= set(outputs)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in outputs)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_begin_without_any_right(path: Path) -> None:
    assert loaded(path)["permissions"] == {}


@pytest.mark.parametrize(("name", "job"), jobs(), ids=[name for name, _ in jobs()])
def test_jobs_have_the_rights_they_need_and_an_end(name: str, job: dict[str, Any]) -> None:
    allowed = {"contents": "read"}
    if any(step.get("uses", "").startswith("azure/login@") for step in job.get("steps", [])):
        allowed |= {"id-token": "write"}
    assert job.get("permissions", {}).items() <= allowed.items()
    assert "uses" in job or job["timeout-minutes"] <= 60


def test_actions_are_pinned() -> None:
    used = [step["uses"] for _, job in jobs() for step in job.get("steps", []) if "uses" in step]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one)] == []


def test_azure_is_signed_in_to_without_a_stored_secret() -> None:
    logins = [
        step["with"] for _, job in jobs() for step in job.get("steps", []) if "azure/login" in step.get("uses", "")
    ]
    assert logins
    assert all(set(one) == {"client-id", "tenant-id", "subscription-id"} for one in logins)
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"P2C_WEBHOOK_KEY", "P2C_DOCTOR_KEY"}


def test_a_secret_is_seen_by_the_step_that_needs_it_only() -> None:
    assert [name for name, job in jobs() if "secrets." in json.dumps({**job, "steps": []})] == []


def test_nothing_from_an_event_is_pasted_into_a_command() -> None:
    assert [one for one in commands() if "${{" in one] == []


def test_files_that_commands_name_exist() -> None:
    named = {
        word.replace("$TARGET", target)
        for one in commands()
        for word in re.findall(r"infra/[\w./$-]+\.(?:bicep|bicepparam|py)\b", one)
        for target in ("dev", "test", "prod")
    }
    assert {"infra/main.bicep", "infra/parameters/prod.bicepparam", "infra/scripts/smoke.py"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", PARAMETERS[1:], ids=lambda path: path.name)
def test_what_a_parameter_file_reads_a_workflow_gives(path: Path) -> None:
    read = set(re.findall(r"readEnvironmentVariable\('(\w+)'", path.read_text(encoding="utf-8")))
    deliver = loaded(ROOT / ".github" / "workflows" / "deliver.yml")["jobs"]
    for name in ("what-if", "deploy"):
        (deployment,) = (one for one in deliver[name]["steps"] if "az deployment sub" in one.get("run", ""))
        assert read <= {*deliver[name]["env"], *deployment["env"]}, name


def test_what_is_missing_is_said_before_anything_is_planned_or_deployed() -> None:
    deliver = loaded(ROOT / ".github" / "workflows" / "deliver.yml")["jobs"]
    for name in ("what-if", "deploy"):
        runs = [one.get("run", one.get("uses", "")) for one in deliver[name]["steps"]]
        check = next(at for at, one in enumerate(runs) if 'infra/scripts/check.py "$TARGET"' in one)
        azure = next(at for at, one in enumerate(runs) if one.startswith("azure/login@"))
        assert check < azure, name


def test_the_project_of_the_environment_is_looked_at_told_and_published() -> None:
    deliver = loaded(ROOT / ".github" / "workflows" / "deliver.yml")["jobs"]
    runs = "\n".join(one.get("run", "") for one in deliver["what-if"]["steps"])
    assert 'p2c templates --project "projects/$TARGET.json"' in runs
    for name in ("what-if", "deploy"):
        steps = deliver[name]["steps"]
        (check,) = (one for one in steps if "check.py" in one.get("run", ""))
        (deployment,) = (one for one in steps if "az deployment sub" in one.get("run", ""))
        assert 'tee -a "$GITHUB_OUTPUT"' in check["run"]
        assert check["shell"] == "bash", "with pipefail, which a shell that is not named has not"
        for variable in ("P2C_SCHEDULES", "P2C_WATCHED"):
            assert deployment["env"][variable] == f"${{{{ steps.{check['id']}.outputs.{variable} }}}}"
    for path in PARAMETERS[1:]:
        target = path.name.split(".")[0]
        assert text_of(of_kind(path, "var")["projectFile"].value) == f"'projects/{target}.json'"
    assert "projects" not in (ROOT / ".funcignore").read_text(encoding="utf-8").split()


def test_files_that_the_documentation_names_exist() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])(?:infra|tools)/[\w./-]+\.(?:bicep|bicepparam|json|py)\b", text))
    assert {"infra/scripts/check.py", "infra/parameters/dev.bicepparam", "infra/role-definitions.json"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_variables_that_the_documentation_names_are_read_somewhere() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    files = [*PARAMETERS, *WORKFLOWS, *(INFRA / "scripts").glob("*.py"), ROOT / "p2c" / "examining.py", MAIN]
    known = set(re.findall(r"\b(?:P2C|AZURE)_\w+", "".join(path.read_text(encoding="utf-8") for path in files)))
    assert set(re.findall(r"\b(?:P2C|AZURE)_\w+", text)) - known - {"P2C_STATE_AUTH__KIND"} == set()


def test_the_doctor_comes_after_the_smoke_test_and_warnings_are_no_failure() -> None:
    runs = [
        one.get("run", "") for one in loaded(ROOT / ".github" / "workflows" / "deliver.yml")["jobs"]["smoke"]["steps"]
    ]
    smoke, doctor = (next(at for at, one in enumerate(runs) if word in one) for word in ("smoke.py", "p2c doctor"))
    assert smoke < doctor
    assert runs[doctor].strip().endswith(f'p2c doctor "$P2C_APP_URL" || test $? -eq {Exit.WARNING.value}')


def test_one_python_is_pinned_tested_and_deployed() -> None:
    deployed = text_of(of_kind(MAIN, "param")["pythonVersion"].value).strip("'")
    head = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()[0]
    assert f"for Python {deployed} " in head
    workflows = {path.stem: loaded(path)["jobs"] for path in WORKFLOWS}
    assert deployed in workflows["ci"]["test"]["strategy"]["matrix"]["python"]
    set_up = {
        step["with"]["python-version"]
        for job in workflows["deliver"].values()
        for step in job.get("steps", [])
        if "actions/setup-python@" in step.get("uses", "")
    }
    assert set_up == {deployed}


def test_the_order_is_check_plan_deploy_smoke() -> None:
    deliver = loaded(ROOT / ".github" / "workflows" / "deliver.yml")["jobs"]
    assert "check" in deliver["what-if"]["needs"]
    assert "what-if" in deliver["deploy"]["needs"]
    assert "deploy" in deliver["smoke"]["needs"]
    text = json.dumps(deliver["deploy"])
    assert "az deployment sub create" in text
    assert "func azure functionapp publish" in text


def test_the_compiler_sees_every_file() -> None:
    text = "\n".join(commands())
    for command in ("az bicep build --file infra/main.bicep", "az bicep lint", "az bicep build-params"):
        assert command in text


def test_every_template_is_watched() -> None:
    assert text_of(of_kind(MAIN, "param")["watchedTemplates"].value) == "[]"
    variables = {name: text_of(one.value) for name, one in of_kind(MAIN, "var").items()}
    assert variables["watched"] == "empty(watchedTemplates) ? objectKeys(standardSchedules) : watchedTemplates"
    assert variables["standardSchedules"] == "loadJsonContent('schedules.json')"
    assert set(json.loads((INFRA / "schedules.json").read_text(encoding="utf-8"))) == set(builtin_templates())


def test_alerts_cover_what_an_operator_must_hear_of() -> None:
    rules = {
        name
        for name, one in of_kind(ALERTS, "resource").items()
        if one.target.split("@")[0] in {"Microsoft.Insights/scheduledQueryRules", "Microsoft.Insights/metricAlerts"}
    }
    assert rules == {"failedRuns", "stuck", "needsPerson", "throttled", "queueDeadLetters", "inboxAge"}
    for name in rules:
        assert "actionGroup.id" in of_kind(ALERTS, "resource")[name].text
        assert re.search(r"^\s+description: '[^\n]{60,}'", of_kind(ALERTS, "resource")[name].text, re.MULTILINE)
