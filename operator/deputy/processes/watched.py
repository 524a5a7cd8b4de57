"""The kinds of objects that processes follow."""

from collections.abc import Callable, Mapping
from typing import Any

from deputy.api.agentrun import AGENT_RUN, AgentRun
from deputy.api.blueprint import BLUEPRINT, Blueprint
from deputy.api.meta import GROUP, VERSION
from deputy.api.names import COMPONENT_LABEL, RUN_LABEL, WORKSPACE
from deputy.kube import resources
from deputy.kube.store import Store
from deputy.kube.watch import Watched


def watched_runs(
    store: Store[AgentRun],
    changed: Callable[[AgentRun], None],
    deleted: Callable[[AgentRun], None],
) -> Watched:
    """Return what follows AgentRuns."""
    plural = AGENT_RUN.plural
    return Watched(GROUP, VERSION, plural, resources.agentruns, store, changed, deleted)


def watched_blueprints(store: Store[Blueprint], changed: Callable[[Blueprint], None]) -> Watched:
    """Return what follows Blueprints; that one is gone is a change like another."""
    plural = BLUEPRINT.plural
    return Watched(GROUP, VERSION, plural, resources.blueprints, store, changed, changed)


def watched_pods(
    store: Store[Mapping[str, Any]],
    changed: Callable[[Mapping[str, Any]], None],
    deleted: Callable[[Mapping[str, Any]], None],
) -> Watched:
    """Return what follows the pods of runs."""
    selector = f"{COMPONENT_LABEL}={WORKSPACE},{RUN_LABEL}"
    return Watched("", "v1", "pods", resources.pods, store, changed, deleted, selector)
