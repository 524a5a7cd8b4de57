"""A client of Linear's GraphQL API: typed questions, one request for many updates."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import httpx

from deputy.trackers.linear import documents, metrics
from deputy.trackers.linear.budget import Budget, budget_of
from deputy.trackers.linear.errors import (
    AlreadyInserted,
    LinearError,
    LinearUnavailable,
    RateLimited,
    Rejected,
    Unauthenticated,
)
from deputy.trackers.linear.parsing import (
    SessionsPage,
    TeamsPage,
    issue_of,
    sessions_page_of,
    teams_page_of,
    viewer_of,
)
from deputy.trackers.linear.responses import GraphQLResponse, read_response
from deputy.trackers.models import Issue, Viewer
from deputy.trackers.updates import Refused, Sent, Update


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def token(self) -> str:
        """Return one, or raise a `LinearError`."""

    def reject(self, token: str) -> None:
        """Take note that Linear did not accept it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Indeterminate:
    """Another update of the same request failed, so that this one may be done or not.

    Repeat it alone: its id makes that safe.
    """


ApplyResult: TypeAlias = Sent | Refused | Indeterminate


class LinearClient:
    """Asks Linear and tells it; every method raises a `LinearError` where it cannot."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        api_url: str,
        credentials: TokenSource,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._url = f"{api_url.rstrip('/')}/graphql"
        self._credentials = credentials
        self._clock = clock
        #: What the newest answer said that we may still ask for.
        self.budget = Budget()

    async def viewer(self) -> Viewer:
        """Return who we are."""
        return viewer_of(await self.execute(documents.VIEWER, {}))

    async def probe(self) -> None:
        """Ask for next to nothing; raise a `LinearError` where Linear does not work."""
        await self.viewer()

    async def issue(self, issue_id: str) -> Issue:
        """Return an issue, by id or identifier; raise `EntityNotFound`."""
        data = await self.execute(documents.ISSUE, {"id": issue_id})
        return issue_of(data["issue"])

    async def issues(self, ids: Sequence[str]) -> tuple[Issue, ...]:
        """Return those of the issues with these ids that Linear shows us, in any order."""
        data = await self.execute(documents.ISSUES, {"ids": list(ids), "first": len(ids)})
        return tuple(map(issue_of, data["issues"]["nodes"]))

    async def teams_page(self, after: str | None = None) -> TeamsPage:
        """Return a page of the teams that Linear shows us."""
        return teams_page_of(await self.execute(documents.TEAMS, {"after": after}))

    async def sessions_page(self, after: str | None = None) -> SessionsPage:
        """Return a page of our sessions, those that changed last first."""
        return sessions_page_of(await self.execute(documents.SESSIONS, {"after": after}))

    async def execute(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data that a document asks for; raise the first error if there is one."""
        answer = await self._ask(document, variables)
        if answer.errors:
            raise answer.errors[0].error
        return answer.data or {}

    async def apply(self, updates: Sequence[Update]) -> list[ApplyResult]:
        """Carry out updates in one request, and return what became of each.

        An id that is there already counts as sent. When the request fails as a whole, nothing
        is known of any of them, and its error is raised; repeating all of it is safe.
        """
        document = documents.batch(updates)
        answer = await self._ask(document.query, document.variables)
        if not answer.errors:
            return [_confirmed(answer, index) for index in range(len(updates))]
        return _results(answer, len(updates))

    async def _ask(self, document: str, variables: Mapping[str, Any]) -> GraphQLResponse:
        """Send a request, once more with a new token where the first is not accepted."""
        token = await self._credentials.token()
        try:
            return await self._send(token, document, variables)
        except Unauthenticated:
            self._credentials.reject(token)
            renewed = await self._credentials.token()
            if renewed == token:
                raise
        return await self._send(renewed, document, variables)

    async def _send(
        self, token: str, document: str, variables: Mapping[str, Any]
    ) -> GraphQLResponse:
        body = json.dumps({"query": document, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            answer = await self._http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            metrics.REQUESTS.labels("unanswered").inc()
            raise LinearUnavailable(f"no answer from Linear: {type(error).__name__}") from error
        self._note(answer.headers)
        try:
            response = read_response(answer.status_code, answer.headers, answer.content)
        except LinearError as error:
            metrics.REQUESTS.labels(_result_of(error)).inc()
            raise
        metrics.REQUESTS.labels("errors" if response.errors else "ok").inc()
        return response

    def _note(self, headers: Mapping[str, str]) -> None:
        self.budget = budget_of(headers, self.budget, self._clock())
        metrics.report_budget(self.budget)


def _confirmed(answer: GraphQLResponse, index: int) -> ApplyResult:
    payload = (answer.data or {}).get(documents.alias(index))
    if isinstance(payload, Mapping) and payload.get("success") is True:
        return Sent()
    return Refused("Linear did not confirm it")


def _results(answer: GraphQLResponse, count: int) -> list[ApplyResult]:
    """Sort the errors of a request by update.

    Raises:
        LinearUnavailable, Rejected: the only update of the request failed for a passing reason,
            or Linear refused the document itself.
    """
    failed = {failed.path[0]: failed.error for failed in answer.errors if failed.path}
    if count == 1:
        return [_result(answer.errors[0].error)]
    if not failed and answer.data is None:
        raise answer.errors[0].error
    return [_result_or_unknown(failed.get(documents.alias(index))) for index in range(count)]


def _result(error: LinearError) -> ApplyResult:
    if isinstance(error, AlreadyInserted):
        return Sent()
    if isinstance(error, Rejected):
        return Refused(str(error))
    raise error


def _result_or_unknown(error: LinearError | None) -> ApplyResult:
    """Return what an error says of its own update; the others may be done or not."""
    if error is None or not isinstance(error, Rejected):
        return Indeterminate()
    return _result(error)


def _result_of(error: LinearError) -> str:
    match error:
        case RateLimited():
            return "rate_limited"
        case Unauthenticated():
            return "unauthenticated"
        case LinearUnavailable():
            return "unavailable"
        case _:
            return "refused"
