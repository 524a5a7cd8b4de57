from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from deputy_simulator.linear.oauth import Authority, Client, OAuthError

if TYPE_CHECKING:
    from tests.simulator.linear.conftest import Linear

CLIENT = {"client_id": "app", "client_secret": "s"}
REDIRECT = "https://deputy.example/oauth/callback"
DAY = 86_400.0
HALF_AN_HOUR = 1_800.0


@pytest.fixture
def authority() -> Authority:
    made = Authority()
    made.clients["app"] = Client(id="app", secret="s", name="deputy", user_id="u")
    return made


def consented(authority: Authority, **more: str) -> str:
    asked = {
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "read,write",
        "actor": "app",
    }
    return authority.consent(asked | more, 0.0)


def exchange(authority: Authority, code: str, **more: str) -> dict[str, Any]:
    told = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return authority.grant(told | CLIENT | more, 0.0)


def test_a_code_is_worth_a_pair_of_tokens(authority: Authority) -> None:
    pair = exchange(authority, consented(authority))

    assert {k: v for k, v in pair.items() if "token" not in k or k == "token_type"} == {
        "token_type": "Bearer",
        "expires_in": 86_399,
        "scope": "read write",
    }
    token = authority.caller(pair["access_token"], 1.0)
    assert token is not None
    assert (token.user_id, token.scope) == ("u", ("read", "write"))


def test_a_code_works_once(authority: Authority) -> None:
    code = consented(authority)
    exchange(authority, code)

    with pytest.raises(OAuthError) as refused:
        exchange(authority, code)

    assert refused.value.body["error"] == "invalid_grant"


def test_a_proof_key_replaces_the_secret(authority: Authority) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    code = consented(authority, code_challenge=challenge, code_challenge_method="S256")

    pair = exchange(authority, code, client_secret="", code_verifier=verifier)

    assert authority.caller(pair["access_token"], 0.0) is not None


def test_a_wrong_verifier_is_refused(authority: Authority) -> None:
    code = consented(authority, code_challenge="x" * 43, code_challenge_method="S256")

    with pytest.raises(OAuthError) as refused:
        exchange(authority, code, code_verifier="v" * 43)

    assert refused.value.body["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"redirect_uri": "https://elsewhere"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_an_exchange_that_does_not_match_is_refused(
    authority: Authority, wrong: dict[str, str], error: str
) -> None:
    with pytest.raises(OAuthError) as refused:
        exchange(authority, consented(authority), **wrong)

    assert refused.value.body["error"] == error


def test_an_access_token_ends_after_a_day(authority: Authority) -> None:
    pair = exchange(authority, consented(authority))

    assert authority.caller(pair["access_token"], DAY) is None


def refreshed(authority: Authority, pair: dict[str, Any], now: float) -> dict[str, Any]:
    told = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    return authority.grant(told | CLIENT, now)


def test_a_refresh_token_is_replaced_by_its_use(authority: Authority) -> None:
    first = exchange(authority, consented(authority))

    second = refreshed(authority, first, DAY)

    assert second["refresh_token"] != first["refresh_token"]
    assert authority.caller(second["access_token"], DAY) is not None


def test_a_refresh_repeated_within_half_an_hour_gets_the_same_answer(authority: Authority) -> None:
    first = exchange(authority, consented(authority))
    second = refreshed(authority, first, 0.0)

    assert refreshed(authority, first, HALF_AN_HOUR) == second


def test_a_refresh_repeated_after_half_an_hour_is_refused(authority: Authority) -> None:
    first = exchange(authority, consented(authority))
    refreshed(authority, first, 0.0)

    with pytest.raises(OAuthError) as refused:
        refreshed(authority, first, HALF_AN_HOUR + 1)

    assert refused.value.body["error"] == "invalid_grant"


def minted(authority: Authority, scope: str = "read,write") -> dict[str, Any]:
    return authority.grant({"grant_type": "client_credentials", "scope": scope} | CLIENT, 0.0)


def test_an_application_gets_a_token_of_its_own_for_thirty_days(authority: Authority) -> None:
    answer = minted(authority)

    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer["expires_in"] == 2_591_999


def test_tokens_of_the_same_scope_live_side_by_side(authority: Authority) -> None:
    first, second = minted(authority), minted(authority)

    assert authority.caller(first["access_token"], 0.0) is not None
    assert authority.caller(second["access_token"], 0.0) is not None


def test_a_token_of_other_scope_revokes_the_former_ones(authority: Authority) -> None:
    first = minted(authority)
    minted(authority, "read")

    assert authority.caller(first["access_token"], 0.0) is None


def test_a_token_without_scope_is_refused(authority: Authority) -> None:
    with pytest.raises(OAuthError) as refused:
        minted(authority, "")

    assert refused.value.body["error"] == "invalid_scope"


def test_an_application_without_the_grant_is_told_so(authority: Authority) -> None:
    authority.clients["app"] = Client(
        id="app", secret="s", name="deputy", user_id="u", client_credentials=False
    )

    with pytest.raises(OAuthError) as refused:
        minted(authority)

    assert refused.value.body == {
        "error": "Error",
        "error_description": "Client does not support the client_credentials grant type",
    }


def test_a_new_secret_ends_all_tokens(authority: Authority) -> None:
    answer = minted(authority)
    authority.rotate_secret("app", "new")

    assert authority.caller(answer["access_token"], 0.0) is None
    with pytest.raises(OAuthError):
        minted(authority)


def test_the_scope_admin_is_not_for_applications(authority: Authority) -> None:
    with pytest.raises(OAuthError) as refused:
        consented(authority, scope="read,admin")

    assert refused.value.body["error"] == "invalid_scope"


async def test_consent_leads_back_with_code_and_state(linear: Linear) -> None:
    query = {
        "client_id": linear.inside.settings.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "read,write",
        "state": "abc",
        "actor": "app",
    }
    page = await linear.http.get("/oauth/authorize", params=query)
    answer = await linear.http.post(
        "/oauth/authorize", params=query, data={"choice": "allow"}, allow_redirects=False
    )

    assert "deputy wants to join Acme" in await page.text()
    assert answer.status == 302
    target = URL(answer.headers["Location"])
    assert (str(target.with_query(None)), target.query["state"]) == (REDIRECT, "abc")
    assert target.query["code"]


async def test_refused_consent_leads_back_with_the_refusal(linear: Linear) -> None:
    query = {"client_id": linear.inside.settings.client_id, "redirect_uri": REDIRECT, "state": "a"}

    answer = await linear.http.post(
        "/oauth/authorize", params=query, data={"choice": "deny"}, allow_redirects=False
    )

    assert answer.headers["Location"] == f"{REDIRECT}?error=access_denied&state=a"


async def test_a_minted_token_calls_the_api_until_it_is_revoked(linear: Linear) -> None:
    settings = linear.inside.settings
    form = {
        "grant_type": "client_credentials",
        "scope": "read,write",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
    }
    answer = await linear.http.post("/oauth/token", data=form)
    token = (await answer.json())["access_token"]

    before = await linear.ask("{ viewer { name } }", token=token)
    revoked = [
        (await linear.http.post("/oauth/revoke", data={"token": token})).status for _ in range(2)
    ]
    after = await linear.ask("{ viewer { name } }", token=token)

    assert before == {"data": {"viewer": {"name": "deputy"}}}
    assert revoked == [200, 400]
    assert after["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"


async def test_the_client_may_come_in_a_basic_header(linear: Linear) -> None:
    settings = linear.inside.settings
    pair = f"{settings.client_id}:{settings.client_secret}".encode()

    answer = await linear.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "scope": "read"},
        headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
    )

    assert answer.status == 200


async def test_a_wrong_secret_is_answered_401(linear: Linear) -> None:
    form = {"grant_type": "client_credentials", "scope": "read", "client_id": "x"}

    answer = await linear.http.post("/oauth/token", data=form)

    assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")
