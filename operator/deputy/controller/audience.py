"""Whom a run speaks to."""

from deputy.api.agentrun import AgentRun
from deputy.controller.cluster import Cluster, sessions_of, spec_in_force
from deputy.core.telling import Audience


def audience_of(cluster: Cluster, run: AgentRun) -> Audience | None:
    """Return whom `run` speaks to; None for a run that was made by hand."""
    if run.spec.linear is None:
        return None
    blueprint = cluster.blueprint_of(run)
    names = blueprint.status.linear if blueprint is not None else None
    spec = spec_in_force(cluster.pod_of(run), blueprint)
    return Audience(
        run_uid=run.metadata.uid,
        run_name=run.metadata.name,
        issue_id=run.spec.linear.issue_id,
        session=run.spec.linear.session_id,
        sessions=sessions_of(run),
        app_user_id=run.spec.linear.app_user_id,
        in_progress=names.in_progress_state_id if names else "",
        in_review=names.in_review_state_id if names else "",
        needs_human=names.needs_human_state_id if names else "",
        has_repository=spec is not None and spec.repository is not None,
    )
