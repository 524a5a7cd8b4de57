"""What the API refuses, in the shape in which Linear refuses it.

LinearError
  NotFoundError       the entity does not exist, or the caller may not see it
  ConflictError       an entity with the given id exists already
  InvalidInputError   the arguments make no sense
  ForbiddenError      the entity belongs to another application
  NotSupportedError   real Linear does this, the simulator does not
    NotModelledError  the same, of a whole mutation
"""

from __future__ import annotations

from typing import Any


class LinearError(Exception):
    """An error that travels in `errors[]` of a GraphQL answer."""

    kind = "other"
    code = "INTERNAL_SERVER_ERROR"
    status = 400

    def __init__(self, message: str, presentable: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        #: graphql-core copies an attribute of this name into the answer.
        self.extensions: dict[str, Any] = {
            "type": self.kind,
            "code": self.code,
            "statusCode": self.status,
            "userError": True,
            "userPresentableMessage": presentable or message,
            **extra,
        }


class NotFoundError(LinearError):
    """The entity does not exist, or the caller may not see it."""

    kind = "invalid input"
    code = "INPUT_ERROR"

    def __init__(self, entity: str) -> None:
        super().__init__(f"Entity not found: {entity}", f"Could not find referenced {entity}.")


class ConflictError(LinearError):
    """An entity with the given id exists already."""

    kind = "invalid input"
    code = "INPUT_ERROR"

    def __init__(self, entity: str, entity_id: str) -> None:
        super().__init__(
            f"conflict on insert of {entity}",
            f"Entity {entity} with id {entity_id} already exists.",
        )


class InvalidInputError(LinearError):
    """The arguments make no sense; `reason` is shown to the user."""

    kind = "invalid input"
    code = "INVALID_INPUT"

    def __init__(self, prop: str, reason: str) -> None:
        super().__init__(
            "Argument Validation Error",
            reason,
            validationErrors=[{"property": prop, "constraints": {"customValidation": reason}}],
        )


class ForbiddenError(LinearError):
    """The entity belongs to another application."""

    kind = "forbidden"
    code = "FORBIDDEN"
    status = 403


class NotSupportedError(LinearError):
    """Real Linear does this, the simulator does not."""

    kind = "feature not accessible"
    code = "FEATURE_NOT_ACCESSIBLE"
    wording = "The simulator does not support {what}."

    def __init__(self, what: str) -> None:
        super().__init__(self.wording.format(what=what))


class NotModelledError(NotSupportedError):
    """Real Linear has this mutation, the simulator does not."""

    wording = "The simulator does not model the mutation {what}."


#: Body of the 401 that answers a missing, unknown, revoked or expired token.
UNAUTHENTICATED: dict[str, Any] = {
    "errors": [
        {
            "message": "Authentication required, not authenticated",
            "extensions": {
                "type": "authentication error",
                "code": "AUTHENTICATION_ERROR",
                "statusCode": 401,
                "userError": True,
                "userPresentableMessage": "You need to authenticate to access this operation.",
            },
        }
    ]
}


def rate_limited(limit: int, what: str = "requests") -> dict[str, Any]:
    """Return the body of the HTTP 400 that answers a call beyond the hourly `limit`."""
    message = f"Rate limit exceeded. Only {limit} {what} are allowed per 1 hour."
    return {
        "errors": [
            {
                "message": message,
                "extensions": {
                    "type": "ratelimited",
                    "code": "RATELIMITED",
                    "statusCode": 429,
                    "userError": True,
                    "userPresentableMessage": message,
                },
            }
        ]
    }
