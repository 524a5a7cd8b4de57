"""The branch of a run: that of the run before on the same issue, else its own."""

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import RepositorySpec
from deputy.api.names import issue_hash, run_name, run_number
from deputy.core.pull_request import branch_name
from deputy.kube.cache import Cache


def branch_of(run: AgentRun, repository: RepositorySpec | None, cache: Cache) -> str:
    """Return the branch that `run` is to work on; empty without a repository."""
    if repository is None:
        return ""
    linear = run.spec.linear
    subject = linear.issue_identifier if linear is not None else ""
    own = branch_name(repository.branch_prefix, subject or _without_number(run.metadata.name))
    return _branch_before(run, cache) or own


def _branch_before(run: AgentRun, cache: Cache) -> str:
    """Return the branch of the newest run before `run` on the same issue that has one.

    It stands though the issue has moved to another team, or the Blueprint has another prefix.
    """
    linear, namespace = run.spec.linear, run.metadata.namespace
    if linear is None:
        return ""
    issue = issue_hash(linear.organization_id, linear.issue_id)
    for number in range(run_number(run.metadata.name) - 1, 0, -1):
        earlier = cache.runs.get(namespace, run_name(issue, number))
        if earlier is not None and earlier.status.branch:
            return earlier.status.branch
    return ""


def _without_number(name: str) -> str:
    """Return what the names of all runs of an issue have in common; of another run, its name."""
    return name.rpartition("-")[0] if run_number(name) else name
