"""`/control`, second half: look inside, turn time and faults, begin anew."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aiohttp import web

from deputy_simulator.linear import views
from deputy_simulator.linear.clock import iso
from deputy_simulator.linear.control import wish_of
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
    return web.json_response(views.everything(request.app[SIMULATOR].world))


async def issues(request: web.Request) -> web.Response:
    """→ all issues, oldest first."""
    world = request.app[SIMULATOR].world
    return web.json_response([views.issue(world, known) for known in world.store.all(Issue)])


async def issue(request: web.Request) -> web.Response:
    """→ one issue by id or identifier, with comments, attachments and sessions."""
    world = request.app[SIMULATOR].world
    seen = world.store.issue(request.match_info["key"])
    return web.json_response(views.whole_issue(world, seen))


async def sessions(request: web.Request) -> web.Response:
    """`?issue=` → sessions, oldest first."""
    world = request.app[SIMULATOR].world
    key = request.query.get("issue")
    found = world.sessions_of(world.store.issue(key)) if key else world.store.all(AgentSession)
    return web.json_response([views.session(world, known) for known in found])


async def session(request: web.Request) -> web.Response:
    """`?status=a,b&activities=n&wait=seconds` → one session, whole.

    With `status` or `activities` the answer waits until the session has one of these statuses and
    at least so many visible activities, at most `wait` seconds (30 unless told); it comes anyway.
    """
    simulator = request.app[SIMULATOR]
    session_id = request.match_info["id"]
    simulator.world.store.get(AgentSession, session_id)
    query = request.query
    statuses = {text for text in query.get("status", "").split(",") if text}
    least = int(query.get("activities", "0"))
    wait = min(float(query.get("wait", "30")), LONGEST_WAIT) if statuses or least else 0.0

    def look() -> Json:
        world = simulator.world
        return views.whole_session(world, world.store.get(AgentSession, session_id))

    def good(seen: Json) -> bool:
        reached = not statuses or seen["status"] in statuses
        return reached and len(seen["activities"]) >= least

    return web.json_response(await simulator.feed.until(look, good, wait))


async def activities(request: web.Request) -> web.Response:
    """`?session=&type=` → activities, oldest first, vanished ones included."""
    world = request.app[SIMULATOR].world
    wanted, kind = request.query.get("session"), request.query.get("type")
    found = [
        known
        for known in world.store.all(AgentActivity)
        if wanted in (None, known.agent_session_id) and kind in (None, known.type)
    ]
    return web.json_response([views.activity(world, known) for known in found])


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
    wish = await wish_of(request)
    sender = wish.simulator.sender
    wanted = wish.text("delivery")
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
    wish = await wish_of(request)
    faults, now = wish.simulator.faults, wish.simulator.clock.elapsed()
    faults.requests += [fault_from(told, now) for told in wish.told.get("requests") or ()]
    if "webhooks" in wish.told:
        told = dict(wish.told["webhooks"])
        told["types"] = tuple(told.get("types") or ())
        faults.webhooks = WebhookFaults(**told)
    return web.json_response(_faults(wish.simulator))


async def clear_faults(request: web.Request) -> web.Response:
    """Turn all switches off."""
    request.app[SIMULATOR].faults.clear()
    return web.json_response(_faults(request.app[SIMULATOR]))


async def show_clock(request: web.Request) -> web.Response:
    """→ `{now, skippedSeconds}`."""
    return web.json_response(_clock(request.app[SIMULATOR]))


async def advance_clock(request: web.Request) -> web.Response:
    """`{advance: seconds}`: retries, silence, expiry and budgets move on; stamps stay real."""
    wish = await wish_of(request)
    wish.simulator.advance(float(wish.told.get("advance", 0)))
    return web.json_response(_clock(wish.simulator))


async def show_webhook(request: web.Request) -> web.Response:
    """→ `{url, enabled, resourceTypes, pending, webhookId}`."""
    return web.json_response(_webhook(request.app[SIMULATOR]))


async def set_webhook(request: web.Request) -> web.Response:
    """`{url?, secret?, enabled?, resourceTypes?, retryDelays?}` → the webhook."""
    wish = await wish_of(request)
    sender, told = wish.simulator.sender, wish.told
    sender.url = told.get("url", sender.url)
    sender.secret = told.get("secret", sender.secret)
    sender.resource_types = tuple(told.get("resourceTypes", sender.resource_types))
    sender.retry_delays = tuple(told.get("retryDelays", sender.retry_delays))
    if told.get("enabled") is True:
        sender.enable()
    elif told.get("enabled") is False:
        sender.enabled = False
    return web.json_response(_webhook(wish.simulator))


async def set_rate_limit(request: web.Request) -> web.Response:
    """`{requestsPerHour?, complexityPerHour?, remaining?}` → limits.

    New limits give everybody a full budget; `remaining` then leaves the application so many
    requests.
    """
    wish = await wish_of(request)
    limiter, told = wish.simulator.limiter, wish.told
    if {"requestsPerHour", "complexityPerHour"} & set(told):
        limiter.set_limits(
            int(told.get("requestsPerHour", limiter.requests_per_hour)),
            int(told.get("complexityPerHour", limiter.complexity_per_hour)),
        )
    if "remaining" in told:
        app, now = wish.simulator.world.app_user_id, wish.simulator.clock.elapsed()
        limiter.drain(app, int(told["remaining"]), now)
    return web.json_response(
        {
            "requestsPerHour": limiter.requests_per_hour,
            "complexityPerHour": limiter.complexity_per_hour,
        }
    )


async def set_client(request: web.Request) -> web.Response:
    """`{secret?, clientCredentials?, revokeTokens?}`: change the application under test."""
    wish = await wish_of(request)
    authority, client = wish.simulator.authority, wish.simulator.client
    if "clientCredentials" in wish.told:
        allowed = bool(wish.told["clientCredentials"])
        authority.clients[client.id] = dataclasses.replace(client, client_credentials=allowed)
    if "secret" in wish.told:
        authority.rotate_secret(client.id, wish.text("secret"))
    if wish.told.get("revokeTokens"):
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
