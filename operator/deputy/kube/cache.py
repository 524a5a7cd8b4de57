"""What a process knows of our objects: the stores that watches, lists and own writes feed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import Blueprint, BlueprintSpec
from deputy.api.facts import attempt_of, owned_by, spec_in_force
from deputy.api.names import pod_name
from deputy.kube.store import Store, reader_of


@dataclasses.dataclass(slots=True)
class Cache:
    """The newest known state of our objects."""

    runs: Store[AgentRun] = dataclasses.field(default_factory=lambda: Store(reader_of(AgentRun)))
    blueprints: Store[Blueprint] = dataclasses.field(
        default_factory=lambda: Store(reader_of(Blueprint))
    )
    pods: Store[Mapping[str, Any]] = dataclasses.field(
        default_factory=lambda: Store(lambda pod: pod)
    )

    def blueprint_of(self, run: AgentRun) -> Blueprint | None:
        """Return the Blueprint that `run` names."""
        return self.blueprints.get(run.metadata.namespace, run.spec.blueprint_ref.name)

    def pod_of(self, run: AgentRun) -> Mapping[str, Any] | None:
        """Return the pod of the attempt that the status of `run` tells, else of the present one."""
        pod = self.pods.get(run.metadata.namespace, pod_name(run.metadata.name, attempt_of(run)))
        return pod if pod is not None and owned_by(pod, run) else None

    def spec_of(self, run: AgentRun) -> BlueprintSpec | None:
        """Return the Blueprint's spec that `run` goes by: its pod's, else the present one."""
        return spec_in_force(self.pod_of(run), self.blueprint_of(run))

    def runs_of(self, namespace: str, blueprint: str) -> list[AgentRun]:
        """Return every run that names a Blueprint."""
        return [
            run
            for run in self.runs
            if run.metadata.namespace == namespace and run.spec.blueprint_ref.name == blueprint
        ]
