"""Who may call."""

from __future__ import annotations

import base64
import json

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.settings import AppSettings
from p2c.triggers.access import NotAllowed, NotSignedIn, Role, auth_level, check
from tests.triggers.desk import principal

ON, OFF = AppSettings(easy_auth="on"), AppSettings(easy_auth="off")
CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def test_the_host_demands_a_key_unless_the_platform_signs_in() -> None:
    assert auth_level(OFF) is func.AuthLevel.FUNCTION
    assert auth_level(ON) is func.AuthLevel.ANONYMOUS


def test_with_keys_the_host_has_checked_already() -> None:
    for role in Role:
        check(OFF, {}, role)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("typ", ["roles", CLAIM, "urn:own"])
def test_the_role_opens_its_door(role: Role, typ: str) -> None:
    check(ON, principal(role.value, typ=typ), role)


@pytest.mark.parametrize("held", [Role.RUN, Role.REPLAY])
def test_who_may_act_may_look(held: Role) -> None:
    check(ON, principal(held.value), Role.READ)
    for other in {Role.RUN, Role.REPLAY} - {held}:
        with pytest.raises(NotAllowed):
            check(ON, principal(held.value), other)


def test_reading_is_not_running() -> None:
    with pytest.raises(NotAllowed):
        check(ON, principal("P2C.Read"), Role.RUN)


def encoded(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "%%%",
        encoded([]),
        encoded({}),
        encoded({"claims": None}),
        encoded({"claims": [1]}),
        encoded("x"),
        encoded(None),
    ],
)
def test_claims_that_cannot_be_read_open_nothing(header: str) -> None:
    with pytest.raises(NotSignedIn):
        check(ON, {"x-ms-client-principal": header}, Role.READ)


@pytest.mark.parametrize("told", ["False", "false", "0", ""])
def test_nobody_is_signed_in_where_the_platform_says_that_it_signs_nobody_in(told: str) -> None:
    with pytest.raises(NotSignedIn):
        check(ON, principal("P2C.Run"), Role.RUN, {"WEBSITE_AUTH_ENABLED": told})
    for environment in ({"WEBSITE_AUTH_ENABLED": "True"}, {}):
        check(ON, principal("P2C.Run"), Role.RUN, environment)


@given(st.text())
def test_no_text_opens_a_door(header: str) -> None:
    with pytest.raises((NotSignedIn, NotAllowed)):
        check(ON, {"x-ms-client-principal": header}, Role.READ)
