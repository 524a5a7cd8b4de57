"""`/control`, second half: look inside, turn time and faults, begin anew."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aiohttp import web

from deputy_simulator.linear import views
from deputy_simulator.linear.clock import iso
from deputy_simulator.linear.control import command_of
from deputy_simulator.linear.entities import AgentActivity, AgentSession, Issue, Json
from deputy_simulator.linear.errors import NotFoundError
from deputy_simulator.linear.faults import WebhookFaults, fault_from
from deputy_simulator.linear.http import SIMULATOR

if TYPE_CHECKING:
    from deputy_simulator.linear.simulator import Simulator

#: Longest that one request waits for a condition.
LONGEST_WAIT = 120.0


async def state(request: web.Request) -> web.Response:
    """→ everything the page shows."""
    return web.json_response(views.everything(request.app[SIMULATOR].workspace))


async def issues(request: web.Request) -> web.Response:
    """→ all issues, oldest first."""
    workspace = request.app[SIMULATOR].workspace
    return web.json_response(
        [views.issue(workspace, known) for known in workspace.store.all(Issue)]
    )


async def issue(request: web.Request) -> web.Response:
    """→ one issue by id or identifier, with comments, attachments and sessions."""
    workspace = request.app[SIMULATOR].workspace
    seen = workspace.store.issue(request.match_info["key"])
    return web.json_response(views.whole_issue(workspace, seen))


async def sessions(request: web.Request) -> web.Response:
    """`?issue=` → sessions, oldest first."""
    workspace = request.app[SIMULATOR].workspace
    key = request.query.get("issue")
    found = (
        workspace.sessions_of(workspace.store.issue(key))
        if key
        else workspace.store.all(AgentSession)
    )
    return web.json_response([views.session(workspace, known) for known in found])


async def session(request: web.Request) -> web.Response:
    """`?status=a,b&activities=n&wait=seconds` → one session, whole.

    With `status` or `activities` the answer waits until the session has one of these statuses and
    at least so many visible activities, at most `wait` seconds (30 unless told); it comes anyway.
    """
    simulator = request.app[SIMULATOR]
    session_id = request.match_info["id"]
    simulator.workspace.store.get(AgentSession, session_id)
    query = request.query
    statuses = {text for text in query.get("status", "").split(",") if text}
    least = int(query.get("activities", "0"))
    wait = min(float(query.get("wait", "30")), LONGEST_WAIT) if statuses or least else 0.0

    def look() -> Json:
        workspace = simulator.workspace
        return views.whole_session(workspace, workspace.store.get(AgentSession, session_id))

    def good(seen: Json) -> bool:
        reached = not statuses or seen["status"] in statuses
        return reached and len(seen["activities"]) >= least

    return web.json_response(await simulator.changes.until(look, good, wait))


async def activities(request: web.Request) -> web.Response:
    """`?session=&type=` → activities, oldest first, vanished ones included."""
    workspace = request.app[SIMULATOR].workspace
    wanted, kind = request.query.get("session"), request.query.get("type")
    found = [
        known
        for known in workspace.store.all(AgentActivity)
        if wanted in (None, known.agent_session_id) and kind in (None, known.type)
    ]
    return web.json_response([views.activity(workspace, known) for known in found])


async def deliveries(request: web.Request) -> web.Response:
    """`?session=&type=&action=&state=&body=1` → webhook deliveries, oldest first."""
    query = request.query
    names = {"session": "sessionId", "type": "type", "action": "action", "state": "state"}
    found = []
    for known in list(request.app[SIMULATOR].sender.deliveries):
        shown = views.delivery(known)
        if all(shown[field] == query[name] for name, field in names.items() if name in query):
            found.append(shown | {"body": known.event.body} if query.get("body") else shown)
    return web.json_response(found)


async def redeliver(request: web.Request) -> web.Response:
    """`{delivery}` → the delivery that repeats it."""
    command = await command_of(request)
    sender = command.simulator.sender
    wanted = command.text("delivery")
    known = next((d for d in sender.deliveries if d.id == wanted), None)
    if known is None:
        raise NotFoundError("Delivery")
    return web.json_response(views.delivery(sender.redeliver(known)))


async def requests(request: web.Request) -> web.Response:
    """`?operation=&field=` → GraphQL requests, oldest first."""
    query = request.query
    found = [
        known.view()
        for known in request.app[SIMULATOR].requests
        if query.get("operation") in (None, known.operation)
        and (query.get("field") is None or query["field"] in known.fields)
    ]
    return web.json_response(found)


async def show_faults(request: web.Request) -> web.Response:
    """→ the switches that are on."""
    return web.json_response(_faults(request.app[SIMULATOR]))


async def set_faults(request: web.Request) -> web.Response:
    """`{requests?: [fault], webhooks?: {…}}` → the switches; requests' are added, webhooks' set.

    A fault is `{kind, endpoint?, operation?, status?, delay?, message?, type?, requests?,
    seconds?}`, webhooks' are `{drop?, copies?, fresh_ids?, reorder?, delay?, types?}`.
    """
    command = await command_of(request)
    faults, now = command.simulator.faults, command.simulator.clock.elapsed()
    faults.requests += [fault_from(told, now) for told in command.body.get("requests") or ()]
    if "webhooks" in command.body:
        told = dict(command.body["webhooks"])
        told["types"] = tuple(told.get("types") or ())
        faults.webhooks = WebhookFaults(**told)
    return web.json_response(_faults(command.simulator))


async def clear_faults(request: web.Request) -> web.Response:
    """Turn all switches off."""
    request.app[SIMULATOR].faults.clear()
    return web.json_response(_faults(request.app[SIMULATOR]))


async def show_clock(request: web.Request) -> web.Response:
    """→ `{now, skippedSeconds}`."""
    return web.json_response(_clock(request.app[SIMULATOR]))


async def advance_clock(request: web.Request) -> web.Response:
    """`{advance: seconds}`: retries, silence, expiry and budgets move on; stamps stay real."""
    command = await command_of(request)
    command.simulator.advance(float(command.body.get("advance", 0)))
    return web.json_response(_clock(command.simulator))


async def show_webhook(request: web.Request) -> web.Response:
    """→ `{url, enabled, resourceTypes, pending, webhookId}`."""
    return web.json_response(_webhook(request.app[SIMULATOR]))


async def set_webhook(request: web.Request) -> web.Response:
    """`{url?, secret?, enabled?, resourceTypes?, retryDelays?}` → the webhook."""
    command = await command_of(request)
    sender, told = command.simulator.sender, command.body
    sender.url = told.get("url", sender.url)
    sender.secret = told.get("secret", sender.secret)
    sender.resource_types = tuple(told.get("resourceTypes", sender.resource_types))
    sender.retry_delays = tuple(told.get("retryDelays", sender.retry_delays))
    if told.get("enabled") is True:
        sender.enable()
    elif told.get("enabled") is False:
        sender.enabled = False
    return web.json_response(_webhook(command.simulator))


async def set_rate_limit(request: web.Request) -> web.Response:
    """`{requestsPerHour?, complexityPerHour?, remaining?}` → limits.

    New limits give everybody a full budget; `remaining` then leaves the application so many
    requests.
    """
    command = await command_of(request)
    limiter, told = command.simulator.limiter, command.body
    if {"requestsPerHour", "complexityPerHour"} & set(told):
        limiter.set_limits(
            int(told.get("requestsPerHour", limiter.requests_per_hour)),
            int(told.get("complexityPerHour", limiter.complexity_per_hour)),
        )
    if "remaining" in told:
        app, now = command.simulator.workspace.app_user_id, command.simulator.clock.elapsed()
        limiter.drain(app, int(told["remaining"]), now)
    return web.json_response(
        {
            "requestsPerHour": limiter.requests_per_hour,
            "complexityPerHour": limiter.complexity_per_hour,
        }
    )


async def set_client(request: web.Request) -> web.Response:
    """`{secret?, clientCredentials?, revokeTokens?}`: change the application under test."""
    command = await command_of(request)
    authority, client = command.simulator.authority, command.simulator.client
    if "clientCredentials" in command.body:
        allowed = bool(command.body["clientCredentials"])
        authority.clients[client.id] = dataclasses.replace(client, client_credentials=allowed)
    if "secret" in command.body:
        authority.rotate_secret(client.id, command.text("secret"))
    if command.body.get("revokeTokens"):
        authority.revoke_all(client.id)
    return web.json_response({"clientId": client.id})


async def reset(request: web.Request) -> web.Response:
    """Begin anew with the seed → everything."""
    await request.app[SIMULATOR].reset()
    return await state(request)


def _faults(simulator: Simulator) -> Json:
    requests: list[Any] = [
        dataclasses.asdict(known) | {"kind": known.kind.value}
        for known in simulator.faults.requests
    ]
    return {"requests": requests, "webhooks": dataclasses.asdict(simulator.faults.webhooks)}


def _clock(simulator: Simulator) -> Json:
    return {"now": iso(simulator.clock.stamp()), "skippedSeconds": simulator.clock.skipped}


def _webhook(simulator: Simulator) -> Json:
    sender = simulator.sender
    return {
        "url": sender.url,
        "enabled": sender.enabled,
        "resourceTypes": list(sender.resource_types),
        "retryDelays": list(sender.retry_delays),
        "pending": sender.pending(),
        "webhookId": sender.webhook_id,
    }
