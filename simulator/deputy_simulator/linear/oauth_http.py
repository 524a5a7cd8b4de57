"""`/oauth/*`: consent, tokens, revocation."""

from __future__ import annotations

import base64
import binascii
import html
from typing import TYPE_CHECKING

from aiohttp import web
from yarl import URL

from deputy_simulator.linear.faults import FaultKind
from deputy_simulator.linear.http import SIMULATOR, refuse
from deputy_simulator.linear.oauth import OAuthError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONSENT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Authorize {name}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; background: #0f1011; color: #e6e6e9;
  display: grid; place-items: center; height: 100vh; margin: 0 }}
form {{ background: #191a1c; border: 1px solid #2a2b2f; border-radius: 12px; padding: 32px;
  max-width: 380px }}
h1 {{ font-size: 18px; margin: 0 0 12px }}
button {{ font: inherit; border: 0; border-radius: 8px; padding: 8px 16px; margin-right: 8px;
  background: #5e6ad2; color: #fff; cursor: pointer }}
button[value=deny] {{ background: #2a2b2f }}
li {{ color: #a0a1a8 }}
</style>
<form method="post"><h1>{name} wants to join {organization}</h1><p>It may:</p><ul>{scopes}</ul>
<button name="choice" value="allow">Authorize</button>
<button name="choice" value="deny">Cancel</button></form></html>
"""


async def authorize(request: web.Request) -> web.Response:
    """Ask a person for consent, or take it for granted where the settings say so."""
    simulator = request.app[SIMULATOR]
    asked = dict(request.query)
    client = simulator.authority.clients.get(asked.get("client_id", ""))
    if client is None:
        return web.json_response({"error": "invalid_client"}, status=400)
    if simulator.settings.auto_approve:
        return _approved(request, asked)
    scopes = "".join(f"<li>{html.escape(s)}</li>" for s in asked.get("scope", "").split(","))
    page = _CONSENT.format(
        name=html.escape(client.name),
        organization=html.escape(simulator.workspace.store.organization().name),
        scopes=scopes,
    )
    return web.Response(text=page, content_type="text/html")


async def decide(request: web.Request) -> web.Response:
    """Send the person back with a code, or with `access_denied`."""
    asked = dict(request.query)
    choice = (await request.post()).get("choice")
    if choice == "allow":
        return _approved(request, asked)
    return _back(asked, {"error": "access_denied"})


async def token(request: web.Request) -> web.StreamResponse:
    """Grant a token by one of the three grants."""
    simulator = request.app[SIMULATOR]
    told = await _form(request)
    grant = told.get("grant_type", "")
    now = simulator.clock.elapsed()
    fault = simulator.faults.strike("oauth", grant, now)
    if fault is not None and fault.kind in {FaultKind.STATUS, FaultKind.TIMEOUT}:
        return await refuse(request, fault)
    try:
        answer = simulator.authority.grant(told, now)
    except OAuthError as wrong:
        return web.json_response(wrong.body, status=wrong.status)
    if fault is not None:
        return await refuse(request, fault)
    return web.json_response(answer)


async def revoke(request: web.Request) -> web.Response:
    """Revoke a token: 200, or 400 where it is none."""
    told = await _form(request)
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    text = told.get("token") or told.get("access_token") or told.get("refresh_token") or bearer
    if not text:
        return web.json_response({"error": "invalid_client"}, status=401)
    try:
        request.app[SIMULATOR].authority.revoke(text)
    except OAuthError as wrong:
        return web.json_response(wrong.body, status=wrong.status)
    return web.json_response({"success": True})


def _approved(request: web.Request, asked: dict[str, str]) -> web.Response:
    simulator = request.app[SIMULATOR]
    try:
        code = simulator.authority.consent(asked, simulator.clock.elapsed())
    except OAuthError as wrong:
        return web.json_response(wrong.body, status=wrong.status)
    return _back(asked, {"code": code})


def _back(asked: Mapping[str, str], answer: dict[str, str]) -> web.Response:
    state = {"state": asked["state"]} if "state" in asked else {}
    target = URL(asked["redirect_uri"]).update_query(answer | state)
    return web.Response(status=302, headers={"Location": str(target)})


async def _form(request: web.Request) -> dict[str, str]:
    """Return the fields of the body, with the client of a Basic header among them."""
    told = {name: str(value) for name, value in (await request.post()).items()}
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return told
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return told
    return {"client_id": client_id, "client_secret": secret} | told
