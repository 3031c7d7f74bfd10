"""The errors Discord answers with: `{"code": int, "message": str, "errors": {...}}` and an HTTP status."""

from typing import Any

type Json = dict[str, Any]


class ApiError(Exception):
    """One refused request. `status` is HTTP, `code` is Discord's JSON error code."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def body(self) -> Json:
        """The JSON body as Discord writes it."""
        plain: Json = {"message": self.message, "code": self.code}
        return plain | ({"errors": self.errors} if self.errors else {})


def unknown(what: str, code: int) -> ApiError:
    """404 for a thing that is not there, such as `unknown("Message", 10008)`."""
    return ApiError(404, code, f"Unknown {what}")


def invalid(field: str, code: str, message: str) -> ApiError:
    """400 "Invalid Form Body" with one field error (code 50035)."""
    nested: Json = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        nested = {part: nested}
    return ApiError(400, 50035, "Invalid Form Body", nested)


UNAUTHORIZED = (401, 0, "401: Unauthorized")
MISSING_ACCESS = (403, 50001, "Missing Access")
MISSING_PERMISSIONS = (403, 50013, "Missing Permissions")
EMPTY_MESSAGE = (400, 50006, "Cannot send an empty message")
THREAD_ARCHIVED = (400, 50083, "Thread is archived")
THREAD_LOCKED = (400, 160005, "Thread is locked")
MALFORMED = (400, 50109, "The request body contains invalid JSON.")
TOO_LARGE = (413, 40005, "Request entity too large")
UNKNOWN_INTERACTION = (404, 10062, "Unknown interaction")
ALREADY_ACKNOWLEDGED = (400, 40060, "Interaction has already been acknowledged.")
TOO_MANY_WEBHOOKS = (400, 30007, "Maximum number of webhooks reached (15)")
