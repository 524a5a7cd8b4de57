"""What a simulator is told at its start."""

from __future__ import annotations

import dataclasses

#: Seconds after which Linear repeats a delivery that failed.
RETRY_DELAYS = (60.0, 3600.0, 21600.0)

#: What an application's webhook is told about unless it says otherwise.
RESOURCE_TYPES = (
    "AgentSessionEvent",
    "AppUserNotification",
    "PermissionChange",
    "Issue",
    "Comment",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a simulator is told at its start; every field has a flag and a variable.

    The defaults are for tests in one process. `access_token` is a token of the application that
    never expires; without it the application has to ask `/oauth/token`.
    """

    webhook_url: str | None = None
    webhook_secret: str = "simulated-webhook-secret"  # noqa: S105  made up, like all of Linear here
    client_id: str = "3f0b6c1e8f5e4d539a455c1f9a1f2b10"
    client_secret: str = "simulated-client-secret"  # noqa: S105  the same
    access_token: str | None = None
    redirect_uris: tuple[str, ...] = ()
    auto_approve: bool = False
    app_name: str = "deputy"
    agent_sessions: bool = True
    resource_types: tuple[str, ...] = RESOURCE_TYPES
    retry_delays: tuple[float, ...] = RETRY_DELAYS
    answer_timeout: float = 5.0
    disable_after: int = 20
    requests_per_hour: int = 5_000
    complexity_per_hour: int = 2_000_000
    site_url: str = "https://linear.app"
    seed: str = ""
    """JSON text of the issues to begin with, in place of the built-in ones."""
