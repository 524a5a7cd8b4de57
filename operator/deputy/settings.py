"""What a process is told by its environment; every error names the variable and what it wants."""

import dataclasses
import datetime as dt
import json
import logging
import pathlib
import urllib.parse
from collections.abc import Mapping
from typing import Any, Self

from deputy.errors import DeputyError

_LEVELS = tuple(logging.getLevelNamesMapping())


class InvalidSetting(DeputyError):
    """A variable of the environment is missing, or is not what it has to be."""

    def __init__(self, variable: str, fact: str) -> None:
        super().__init__(f"{variable} {fact}")
        self.variable = variable


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """Reads variables; raises `InvalidSetting` where one cannot be used."""

    variables: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable's text; empty counts as absent."""
        text = self.variables.get(name, "").strip() or default
        if text is None:
            raise InvalidSetting(name, "is not set; the Helm chart sets it")
        return text

    def names(self, name: str, default: str | None = None) -> tuple[str, ...]:
        """Return the names in a comma-separated list, at least one."""
        names = tuple(filter(None, (part.strip() for part in self.text(name, default).split(","))))
        if not names:
            raise InvalidSetting(name, "names nothing; give it names, separated by commas")
        return names

    def namespaces_by_team(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return a JSON object of lists of names, empty where there is none."""
        try:
            read = json.loads(self.text(name, "{}"))
            return {str(team): tuple(map(_name, places)) for team, places in read.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidSetting(
                name, 'is not as it has to be; give it JSON such as {"ENG": ["team-a"]}'
            ) from error

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number between `lowest` and `highest`."""
        text = self.text(name, str(default))
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise InvalidSetting(name, f"is {text!r}; give it a number from {lowest} to {highest}")
        return int(text)

    def address(self, name: str, default: str | None = None) -> str:
        """Return an HTTP address without a slash at its end."""
        text = self.text(name, default)
        parts = urllib.parse.urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidSetting(
                name, f"is {text!r}; give it an address such as https://example.com"
            )
        return text.rstrip("/")

    def path(self, name: str, default: str) -> pathlib.Path:
        """Return a path, which need not exist yet."""
        return pathlib.Path(self.text(name, default))

    def level(self, name: str) -> str:
        """Return the name of a log level."""
        text = self.text(name, "INFO").upper()
        if text not in _LEVELS:
            raise InvalidSetting(name, f"is {text!r}; give it DEBUG, INFO, WARNING or ERROR")
        return text


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What every process of ours is told."""

    namespace: str
    """The namespace that the process runs in."""
    pod_name: str
    agent_namespaces: tuple[str, ...]
    """Where Blueprints and runs are."""
    linear_api_url: str
    linear_credentials: pathlib.Path
    """Directory of a mounted Secret, which may come later."""
    kubeconfig: pathlib.Path | None
    """For a process outside of the cluster; never taken from KUBECONFIG, which may be anybody's."""
    log_level: str
    team_namespaces: Mapping[str, tuple[str, ...]]
    """Where alone the Blueprints of some teams may be, by the team's key, name or id."""
    extra_ca: pathlib.Path | None = dataclasses.field(default=None, kw_only=True)
    """Certificates to trust beside the public ones."""


@dataclasses.dataclass(frozen=True, slots=True)
class WebhookSettings(Settings):
    """What the webhook process is told."""

    port: int
    drain: dt.timedelta
    """How long it goes on serving after it was asked to end, until nobody sends to it any more."""

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the environment; raise `InvalidSetting`."""
        read = Environment(variables)
        common = _common(read)
        return cls(
            **_fields(common),
            port=read.number("DEPUTY_WEBHOOK_PORT", 8080, 1, 65535),
            drain=dt.timedelta(seconds=read.number("DEPUTY_DRAIN_SECONDS", 3, 0, 600)),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class OperatorSettings(Settings):
    """What the operator process is told."""

    relay_url: str
    """Where workspaces reach the relay."""
    relay_port: int
    health_port: int
    sidecar_image: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the environment; raise `InvalidSetting`."""
        read = Environment(variables)
        common = _common(read)
        return cls(
            **_fields(common),
            relay_url=read.address("DEPUTY_RELAY_URL"),
            relay_port=read.number("DEPUTY_RELAY_PORT", 8443, 1, 65535),
            health_port=read.number("DEPUTY_HEALTH_PORT", 8081, 1, 65535),
            sidecar_image=read.text("DEPUTY_SIDECAR_IMAGE"),
        )


def _common(read: Environment) -> Settings:
    namespace = read.text("DEPUTY_NAMESPACE")
    kubeconfig = read.text("DEPUTY_KUBECONFIG", "")
    extra_ca = read.text("DEPUTY_EXTRA_CA", "")
    return Settings(
        namespace=namespace,
        pod_name=read.text("DEPUTY_POD_NAME"),
        agent_namespaces=tuple(dict.fromkeys(read.names("DEPUTY_AGENT_NAMESPACES", namespace))),
        linear_api_url=read.address("DEPUTY_LINEAR_API_URL", "https://api.linear.app"),
        linear_credentials=read.path("DEPUTY_LINEAR_CREDENTIALS", "/etc/deputy/linear"),
        kubeconfig=pathlib.Path(kubeconfig) if kubeconfig else None,
        log_level=read.level("DEPUTY_LOG_LEVEL"),
        team_namespaces=read.namespaces_by_team("DEPUTY_TEAM_NAMESPACES"),
        extra_ca=pathlib.Path(extra_ca) if extra_ca else None,
    )


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a namespace is a text")
    return value


def _fields(common: Settings) -> dict[str, Any]:
    return {field.name: getattr(common, field.name) for field in dataclasses.fields(common)}
