"""Replicas of the webhook process on the test cluster, and a Linear of their own."""

import asyncio
import contextlib
import datetime as dt
import hashlib
import hmac
import io
import itertools
import json
import pathlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.processes.webhook import assemble, list_and_watch
from deputy.settings import WebhookSettings
from deputy.webhook.app import make_app
from deputy_simulator.linear.app import make_app as make_linear
from deputy_simulator.linear.settings import Settings as LinearSettings
from tests.webhook.claims import Claims

SECRET = "webhook-secret"


def delivery(
    payload: Mapping[str, Any], *, secret: str = SECRET, at: float | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a delivery, signed as Linear does."""
    stamped = {**payload, "webhookTimestamp": round((time.time() if at is None else at) * 1000)}
    body = json.dumps(stamped).encode()
    return body, {"Linear-Signature": sign(body, secret)}


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def until(look: Callable[[], Awaitable[Any]], what: str, seconds: float = 20.0) -> Any:
    """Return what `look` finds, once it finds something; the test fails where it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := await look():
            return answer
        await asyncio.sleep(0.05)
    pytest.fail(f"after {seconds} seconds still not: {what}")


class Linear:
    """A simulated Linear, through its control API."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self.url = url
        self._session = session

    async def do(self, what: str, **body: Any) -> Any:
        async with self._session.post(f"{self.url}/control/{what}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def see(self, what: str) -> Any:
        async with self._session.get(f"{self.url}/control/{what}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def words(self, session_id: str) -> list[tuple[str, str]]:
        """Return type and text of every activity of ours in a session."""
        session = await self.see(f"sessions/{session_id}")
        return [
            (activity["type"], activity["content"].get("body", ""))
            for activity in session["history"]
            if activity["type"] != "prompt"
        ]


class Payloads:
    """Deliveries about one issue of the simulated Linear."""

    def __init__(self, state: Mapping[str, Any], issue: Mapping[str, Any]) -> None:
        self.organization = state["organization"]["id"]
        self.issue = issue
        self._numbers = itertools.count(1)

    def _event(self, action: str, session: str, **more: Any) -> dict[str, Any]:
        about = {key: self.issue[key] for key in ("id", "identifier", "title", "url", "team")}
        return {
            "type": "AgentSessionEvent",
            "action": action,
            "organizationId": self.organization,
            "oauthClientId": "client",
            "appUserId": "app-user",
            "webhookId": "webhook",
            "agentSession": {
                "id": session,
                "issue": about | {"description": "Broken", "teamId": about["team"]["id"]},
                "creator": {"id": "jane", "name": "Jane Doe", "email": "jane@example.com"},
                "sourceMetadata": more.pop("source", None),
                "comment": more.pop("comment", None),
            },
            **more,
        }

    def created(self, session: str) -> dict[str, Any]:
        return self._event("created", session, promptContext="<issue>Broken</issue>")

    def mentioned(self, session: str, text: str = "please look") -> dict[str, Any]:
        comment = {"id": f"comment-{session}", "body": text, "userId": "jane"}
        source = {"type": "comment"}
        return self._event(
            "created", session, promptContext="<issue/>", source=source, comment=comment
        )

    def prompted(
        self, session: str, activity: str, text: str, signal: str | None = None
    ) -> dict[str, Any]:
        return self._event(
            "prompted",
            session,
            agentActivity={
                "id": activity,
                "agentSessionId": session,
                "content": {"type": "prompt", "body": text},
                "signal": signal,
                "userId": "jane",
                "user": {"id": "jane", "name": "Jane Doe", "email": "jane@example.com"},
            },
        )


class Replica:
    """A webhook process, in this one."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self.url = url
        self._session = session

    async def send(self, payload: Mapping[str, Any], **how: Any) -> int:
        body, headers = delivery(payload, **how)
        return (await self.post(body, headers))[0]

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        url = f"{self.url}/webhooks/linear"
        async with self._session.post(url, data=io.BytesIO(body), headers=headers) as answer:
            await answer.read()
            return answer.status, dict(answer.headers)

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@contextlib.asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def linear(session: ClientSession) -> AsyncIterator[Linear]:
    app = make_linear(LinearSettings(access_token="token", agent_sessions=True))
    async with served(app) as url:
        yield Linear(url, session)


@pytest.fixture
def secret_folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "webhookSecret").write_text(f"old-secret\n{SECRET}\n")
    (tmp_path / "accessToken").write_text("token")
    return tmp_path


StartReplica = Callable[..., Awaitable[Replica]]


@pytest.fixture
def webhook_settings(
    linear: Linear, namespace: str, secret_folder: pathlib.Path, kubeconfig: pathlib.Path
) -> WebhookSettings:
    """Return the settings of replicas that work in the test's namespace."""
    return WebhookSettings(
        namespace=namespace,
        pod_name="replica",
        agent_namespaces=(namespace,),
        linear_api_url=linear.url,
        linear_credentials=secret_folder,
        kubeconfig=kubeconfig,
        log_level="INFO",
        port=1,
        drain=dt.timedelta(),
        team_namespaces={},
    )


@pytest.fixture
async def start(
    webhook_settings: WebhookSettings, session: ClientSession, kube: Kube
) -> AsyncIterator[StartReplica]:
    """Start replicas that work in the test's namespace."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(through: Kube = kube) -> Replica:
            http = await stack.enter_async_context(httpx.AsyncClient())
            built = assemble(webhook_settings, through, http)
            follows = list_and_watch(built.following, webhook_settings, asyncio.Event())
            following = asyncio.create_task(follows)
            stack.push_async_callback(_cancelled, following)
            stack.push_async_callback(built.acknowledger.drain, 5.0)
            url = await stack.enter_async_context(served(make_app(built.parts)))
            replica = Replica(url, session)
            if through is kube:
                await until(lambda: _is_ready(replica), "the replica is ready")
            return replica

        yield begin


async def _is_ready(replica: Replica) -> bool:
    return (await replica.get("/readyz"))[0] == 200


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def blueprint(name: str = "api", team: str = "ENG", **pick_up: Any) -> dict[str, Any]:
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "Blueprint",
        "metadata": {"name": name},
        "spec": {
            "linear": {"team": team, "states": {"inProgress": "In Progress"}, "pickUp": pick_up},
            "agent": {"image": "agent", "command": ["agent"]},
        },
    }


class Cluster:
    """What the API server has in the test's namespace."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace

    async def apply(self, manifest: Mapping[str, Any]) -> None:
        await self.kube.create(resources.blueprints(self.namespace), manifest)

    async def runs(self) -> list[dict[str, Any]]:
        listed = await self.kube.get(resources.agentruns(self.namespace))
        items: list[dict[str, Any]] = listed["items"]
        return items

    async def run(self) -> dict[str, Any]:
        (run,) = await self.runs()
        return run

    async def set_status(self, name: str, **status: str) -> None:
        path = f"{resources.agentruns(self.namespace, name)}/status"
        await self.kube.patch(path, {"status": status})


@pytest.fixture
def cluster(kube: Kube, namespace: str) -> Cluster:
    return Cluster(kube, namespace)


@pytest.fixture
async def payloads(linear: Linear) -> Payloads:
    issue = await linear.see("issues/ENG-1")
    return Payloads(await linear.see("state"), issue)


@pytest.fixture
def claims() -> Claims:
    return Claims()
