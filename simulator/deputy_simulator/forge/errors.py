"""How GitHub says no."""

from typing import Any

from aiohttp import web

DOCUMENTATION = "https://docs.github.com/rest"


class GitFailed(Exception):
    """A git command failed; the text is what it said."""


class Refusal(Exception):
    """An answer other than the one that was asked for, in GitHub's form."""

    def __init__(
        self, status: int, message: str, errors: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def answer(self) -> web.Response:
        """Return the answer as it goes over the wire."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body |= {"documentation_url": DOCUMENTATION, "status": str(self.status)}
        return web.json_response(body, status=self.status)


def not_found() -> Refusal:
    """Return what GitHub says of things that are not there, or not for this token."""
    return Refusal(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid") -> Refusal:
    """Return what GitHub says of a field."""
    error = {"resource": resource, "field": field, "code": code}
    return Refusal(422, "Validation Failed", [error])


def failed(resource: str, message: str) -> Refusal:
    """Return what GitHub says of a whole that does not fit."""
    error = {"resource": resource, "code": "custom", "message": message}
    return Refusal(422, "Validation Failed", [error])
