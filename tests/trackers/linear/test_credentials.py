"""The mounted Secret, and the tokens that are asked for with it."""

import asyncio
import pathlib

import pytest

from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.credentials import SCOPE, Credentials
from deputy.trackers.linear.errors import (
    CredentialsMissing,
    LinearError,
    LinearUnavailable,
    Unauthenticated,
)
from deputy.trackers.linear.secret import MountedSecret, OAuthClient
from tests.trackers.linear.simulated import TOKEN, Linear

APP = {"clientId": "3f0b6c1e8f5e4d539a455c1f9a1f2b10", "clientSecret": "simulated-client-secret"}


class Mount:
    """A Secret as the kubelet mounts it: links through `..data`, which is swapped as a whole."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self._version = 0

    def write(self, **keys: str) -> pathlib.Path:
        self._version += 1
        version = self.directory / f"..version{self._version}"
        version.mkdir()
        for key, text in keys.items():
            (version / key).write_text(text)
        new = self.directory / "..data_tmp"
        new.symlink_to(version.name)
        new.rename(self.directory / "..data")
        for key in ("webhookSecret", "accessToken", "clientId", "clientSecret"):
            link = self.directory / key
            link.unlink(missing_ok=True)
            if key in keys:
                link.symlink_to(f"..data/{key}")
        return self.directory


@pytest.fixture
def mount(tmp_path: pathlib.Path) -> Mount:
    return Mount(tmp_path)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def credentials(linear: Linear, mount: Mount, clock: Clock | None = None) -> Credentials:
    return Credentials(mount.directory, linear.http, linear.url, clock=clock or Clock())


def app_tokens(linear: Linear) -> list[str]:
    tokens = linear.simulator.authority._tokens.values()
    return [token.text for token in tokens if token.from_credentials]


def test_each_line_is_a_webhook_secret(mount: Mount) -> None:
    secret = MountedSecret(mount.write(webhookSecret="new\n\n old \n"))

    assert secret.webhook_secrets() == (b"new", b"old")


def test_a_newer_version_of_the_secret_is_read_at_once(mount: Mount) -> None:
    secret = MountedSecret(mount.write(webhookSecret="one"))
    before = secret.webhook_secrets()

    mount.write(webhookSecret="two")

    assert (before, secret.webhook_secrets()) == ((b"one",), (b"two",))


def test_a_secret_that_comes_later_is_found(mount: Mount) -> None:
    secret = MountedSecret(mount.directory)
    with pytest.raises(CredentialsMissing):
        secret.grant()

    mount.write(accessToken="tok\n")

    assert secret.grant() == "tok"


def test_an_access_token_goes_before_an_application(mount: Mount) -> None:
    assert MountedSecret(mount.write(**APP, accessToken="tok")).grant() == "tok"
    assert MountedSecret(mount.write(**APP)).grant() == OAuthClient(*APP.values())


@pytest.mark.parametrize(
    "keys", [{}, {"clientId": "x"}, {"clientSecret": "x"}, {"accessToken": " \n"}]
)
def test_a_secret_without_a_grant_is_missing_keys_by_name(
    mount: Mount, keys: dict[str, str]
) -> None:
    secret = MountedSecret(mount.write(**keys))

    with pytest.raises(CredentialsMissing, match="`clientId` and `clientSecret`, or `accessToken`"):
        secret.grant()


@pytest.mark.parametrize("text", [None, "", "\n \n"])
def test_a_secret_without_a_webhook_secret_is_missing_it_by_name(
    mount: Mount, text: str | None
) -> None:
    secret = MountedSecret(mount.write(**({} if text is None else {"webhookSecret": text})))

    with pytest.raises(CredentialsMissing, match="`webhookSecret`"):
        secret.webhook_secrets()


def test_a_directory_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CredentialsMissing, match="nowhere"):
        MountedSecret(tmp_path / "nowhere").grant()


async def test_the_operator_needs_no_webhook_secret(linear: Linear, mount: Mount) -> None:
    mount.write(accessToken="tok")
    linear_credentials = credentials(linear, mount)

    linear_credentials.check(webhook=False)
    with pytest.raises(CredentialsMissing):
        linear_credentials.check(webhook=True)


async def test_a_token_is_asked_for_once_however_many_need_it(linear: Linear, mount: Mount) -> None:
    mount.write(**APP)
    linear_credentials = credentials(linear, mount)

    tokens = await asyncio.gather(*(linear_credentials.token() for _ in range(20)))

    assert set(tokens) == set(app_tokens(linear))
    assert len(app_tokens(linear)) == 1


async def test_a_token_may_do_what_an_agent_does(linear: Linear, mount: Mount) -> None:
    mount.write(**APP)

    token = await credentials(linear, mount).token()

    granted = linear.simulator.authority.caller(token, linear.simulator.clock.elapsed())
    assert granted is not None
    assert ",".join(granted.scope) == SCOPE


async def test_a_token_is_replaced_before_it_ends(linear: Linear, mount: Mount) -> None:
    mount.write(**APP)
    clock = Clock()
    linear_credentials = credentials(linear, mount, clock)
    first = await linear_credentials.token()

    clock.now = 2_591_999 - 3_601
    same = await linear_credentials.token()
    clock.now = 2_591_999 - 3_599
    second = await linear_credentials.token()

    assert first == same != second


async def test_a_token_that_linear_revoked_is_replaced_within_the_call(
    linear: Linear, mount: Mount
) -> None:
    mount.write(**APP)
    client = LinearClient(linear.http, linear.url, credentials(linear, mount))
    await client.viewer()
    linear.simulator.authority.revoke_all(APP["clientId"])

    viewer = await client.viewer()

    assert viewer.name == "deputy"


async def test_a_rotated_client_secret_is_used_as_soon_as_it_is_mounted(
    linear: Linear, mount: Mount
) -> None:
    mount.write(**APP)
    client = LinearClient(linear.http, linear.url, credentials(linear, mount))
    await client.viewer()
    linear.simulator.authority.rotate_secret(APP["clientId"], "rotated")
    with pytest.raises(Unauthenticated):
        await client.viewer()

    mount.write(**APP | {"clientSecret": "rotated"})

    assert (await client.viewer()).name == "deputy"


async def test_a_given_token_that_linear_does_not_know_is_tried_once(
    linear: Linear, mount: Mount
) -> None:
    mount.write(accessToken="lin_oauth_unknown")
    client = LinearClient(linear.http, linear.url, credentials(linear, mount))

    with pytest.raises(Unauthenticated):
        await client.viewer()

    assert len(linear.requests()) == 1


async def test_a_given_token_that_was_replaced_in_the_secret_is_used(
    linear: Linear, mount: Mount
) -> None:
    mount.write(accessToken="lin_oauth_unknown")
    client = LinearClient(linear.http, linear.url, credentials(linear, mount))
    with pytest.raises(Unauthenticated):
        await client.viewer()

    mount.write(accessToken=TOKEN)

    assert (await client.viewer()).name == "deputy"


async def test_a_wrong_client_secret_names_what_to_check(linear: Linear, mount: Mount) -> None:
    mount.write(**APP | {"clientSecret": "a wrong one"})

    with pytest.raises(Unauthenticated, match="`clientSecret`") as raised:
        await credentials(linear, mount).token()

    assert "a wrong one" not in str(raised.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"kind": "status", "status": 503}, LinearUnavailable),
     ({"kind": "status", "status": 429}, LinearUnavailable)],
)  # fmt: skip
async def test_a_token_endpoint_that_fails_passes(
    linear: Linear, mount: Mount, fault: dict[str, object], kind: type[LinearError]
) -> None:
    mount.write(**APP)
    linear.fault(endpoint="oauth", requests=1, **fault)
    linear_credentials = credentials(linear, mount)

    with pytest.raises(kind):
        await linear_credentials.token()

    assert await linear_credentials.token() == app_tokens(linear)[0]


async def test_neither_secret_nor_token_shows_when_printed(linear: Linear, mount: Mount) -> None:
    mount.write(**APP)
    linear_credentials = credentials(linear, mount)
    token = await linear_credentials.token()

    shown = f"{MountedSecret(mount.directory).grant()!r} {linear_credentials._token!r}"

    assert APP["clientSecret"] not in shown
    assert token not in shown
