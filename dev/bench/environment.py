"""The environment of a measurement: a namespace with the simulators and Deputy."""

import asyncio
import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import httpx

from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.kubeconfig import from_kubeconfig
from dev.bench.flow_schemas import FlowSchemas
from dev.bench.informer import until
from dev.bench.linear import Linear, Sender
from dev.cluster.commands import step
from dev.demo import fixtures, port_forward
from dev.demo.fixtures import Tools
from dev.images import loaded

NAMESPACE = "deputy-bench"
#: ConfigMap with the agent that speaks ACP.
AGENT = "bench-agent"

_AGENT_FILE = pathlib.Path(__file__).resolve().parent / "agent.py"
_STATES = {"inProgress": "In Progress", "inReview": "In Review", "needsHuman": "Blocked"}
#: Workspaces may reach the simulators, which are in the cluster, where policies are enforced.
_SIMULATORS = "networkPolicy.workspaces.extraEgress[0].to[0].podSelector.matchExpressions[0]"
_SETTINGS = (
    f"{_SIMULATORS}.key=app",
    f"{_SIMULATORS}.operator=In",
    f"{_SIMULATORS}.values={{forge,model}}",
)
_READY_SECONDS = 120.0
_PAUSE = 0.1
_LEASE = "deputy-operator"


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """What every measurement needs."""

    tools: Tools
    kube: Kube
    linear: Linear
    sender: Sender
    flow_schemas: FlowSchemas
    namespace: str = NAMESPACE

    async def blueprint(self, name: str, **spec: Any) -> str:
        """Make a team and the Blueprint that takes its issues; return the team's key."""
        team = name.upper()
        await self.linear.do("teams", key=team)
        body = {
            "apiVersion": "deputy.dev/v1alpha1",
            "kind": "Blueprint",
            "metadata": {"name": name},
            "spec": {"linear": {"team": team, "states": _STATES}, **spec},
        }
        folder = resources.blueprints(self.namespace)
        await self.kube.create(folder, body)
        await until(
            self.kube, folder, lambda blueprints: _is_ready(blueprints[name]), _READY_SECONDS
        )
        return team

    async def scale(self, component: str, replicas: int) -> None:
        """Have so many operators or webhooks; return once there are, and the others are gone."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/deputy-{component}"
        await self.kube.patch(path, {"spec": {"replicas": replicas}})
        await until(
            self.kube,
            resources.pods(self.namespace),
            lambda pods: len(pods) == sum(map(is_ready, pods.values())) == replicas,
            _READY_SECONDS,
            labelSelector=selector(component),
        )
        if component == "operator" and replicas:
            await self._until_led()

    async def pods_of(self, component: str) -> list[dict[str, Any]]:
        """Return the pods of the operator or the webhook."""
        folder = resources.pods(self.namespace)
        pods: list[dict[str, Any]] = (
            await self.kube.get(folder, labelSelector=selector(component))
        )["items"]
        return pods

    async def leader(self) -> str:
        """Return the name of the operator's pod that leads."""
        return _holder(await self.kube.get(resources.leases(self.namespace, _LEASE)))

    async def _until_led(self) -> None:
        names = {pod["metadata"]["name"] for pod in await self.pods_of("operator")}
        folder = resources.leases(self.namespace)
        await until(
            self.kube, folder, lambda leases: _holder(leases[_LEASE]) in names, _READY_SECONDS
        )

    async def clear(self) -> None:
        """Delete every run, and return once they and their pods are gone."""
        folder = resources.agentruns(self.namespace)
        await self.kube.delete(folder)
        await until(self.kube, folder, lambda runs: not runs, _READY_SECONDS)
        await until(
            self.kube,
            resources.pods(self.namespace),
            lambda pods: not pods,
            _READY_SECONDS,
            labelSelector=selector("workspace"),
        )


def selector(component: str) -> str:
    """Return the label selector of one of Deputy's components."""
    return f"app.kubernetes.io/name=deputy,app.kubernetes.io/component={component}"


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod is ready and stays."""
    conditions = pod.get("status", {}).get("conditions", ())
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _holder(lease: dict[str, Any]) -> str:
    holder: str = lease["spec"].get("holderIdentity") or ""
    return holder


def _shell() -> str:
    return loaded.reference_of("agent-shell")


def exec_agent(script: str) -> dict[str, Any]:
    """Return an agent that is a shell script."""
    return {
        "agent": {
            "image": _shell(),
            "command": ["sh", "-c", script],
            "protocol": "Exec",
        }
    }


def acp_agent() -> dict[str, Any]:
    """Return an agent that speaks ACP and asks one question after the other."""
    mount = {"name": "bench", "mountPath": "/bench", "readOnly": True}
    volume = {"name": "bench", "configMap": {"name": AGENT}}
    template = {
        "spec": {
            "volumes": [volume],
            "containers": [{"name": "agent", "volumeMounts": [mount]}],
        }
    }
    command = ["python3", "/bench/agent.py"]
    return {
        "agent": {
            "image": _shell(),
            "command": command,
            "protocol": "ACP",
        },
        "workspace": {"podTemplate": template},
    }


@contextlib.asynccontextmanager
async def environment() -> AsyncIterator[Environment]:
    """Install everything, and remove it in the end."""
    tools = Tools(fixtures.kubeconfig())
    connection = from_kubeconfig(tools.kubeconfig)
    async with contextlib.AsyncExitStack() as stack:
        kube = await stack.enter_async_context(Kube(connection))
        flow_schemas = FlowSchemas(kube, NAMESPACE)
        stack.push_async_callback(flow_schemas.remove)
        stack.enter_context(_installed(tools))
        await flow_schemas.make()
        health = {"linear": "/healthz", "deputy-webhook": "/readyz"}
        reached = port_forward.reached(tools, NAMESPACE, health)
        linear, webhook = await asyncio.to_thread(stack.enter_context, reached)
        control = httpx.AsyncClient(base_url=linear, timeout=90, trust_env=False)
        people = Linear(await stack.enter_async_context(control))
        # A connection each: that is how deliveries spread over the replicas behind one address.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        sender = Sender(http, f"{webhook}/webhooks/linear", fixtures.WEBHOOK_SECRET)
        await people.hold_webhooks()
        yield Environment(tools, kube, people, sender, flow_schemas)


@contextlib.contextmanager
def _installed(tools: Tools) -> Iterator[None]:
    try:
        with step(f"namespace {NAMESPACE}: simulators and Deputy"):
            _remove(tools)
            _install(tools)
        yield
    finally:
        with step(f"remove namespace {NAMESPACE}"):
            _remove(tools)


def _install(tools: Tools) -> None:
    fixtures.install_crds(tools)
    fixtures.make_namespace(tools, NAMESPACE)
    fixtures.start_simulators(tools, NAMESPACE)
    tools.apply(NAMESPACE, _agent())
    fixtures.install_deputy(tools, NAMESPACE, *_SETTINGS)
    fixtures.wait_for_simulators(tools, NAMESPACE)


def _remove(tools: Tools) -> None:
    tools.helm("uninstall", "deputy", "-n", NAMESPACE, "--ignore-not-found", "--wait")
    tools.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")


def _agent() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": AGENT},
        "data": {_AGENT_FILE.name: _AGENT_FILE.read_text()},
    }


def _is_ready(blueprint: dict[str, Any]) -> bool:
    conditions = blueprint.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
