"""The web service of a channel: requests to it, and the errors of those that fail."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from watcher.errors import DeliveryError
from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpAnswer, HttpRequest, exchange
from watcher.notify.redaction import redact_reply
from watcher.notify.refusals import Refusal, delivery_error, refusal_of
from watcher.settings import Secret

_CREDENTIALS = (401, 403, 407)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebService:
    """The service that a channel calls; no error shows a secret."""

    channel: str  # its name in settings
    label: str = ""  # the service's name in errors
    address_key: str = "url"  # the setting that holds the address
    secrets: tuple[Secret | None, ...] = ()

    def call(self, request: HttpRequest, deadline: Deadline) -> HttpAnswer:
        """Send a request and return the answer, whatever its status; raises DeliveryError where there is none."""
        try:
            return exchange(request, deadline)
        except (OSError, HTTPException) as error:  # first: an invalid certificate is a ValueError, too
            reason = self.redacted(f"{type(error).__name__}: {error}")
            # without its cause, which may quote the address
            raise self.failure(f"cannot be reached: {reason}", refusal_of(None)) from None
        except ValueError:
            reason = f"`{self.address_key}` is no web address; correct it"
            raise self.failure(reason, Refusal.OF_CHANNEL) from None

    def refusal(self, answer: HttpAnswer, advice: str = "", about: Refusal | None = None) -> DeliveryError:
        """Return the error of an answer that accepts nothing; `about` where it says more than its status."""
        wait = self.redacted(answer.headers.get("retry-after", ""))
        reason = f"answered {answer.status} `{self.redacted(answer.body)}`"
        reason += f", asks to wait {wait} s" if wait else ""
        if answer.status in _CREDENTIALS:
            advice = advice or "; check the credentials in settings"
        return self.failure(f"{reason}{advice}{answer.advice}", about or answer.refusal, wait=answer.wait)

    def failure(self, reason: str, refusal: Refusal, *, wait: timedelta | None = None) -> DeliveryError:
        """Return the error with a reason."""
        service = f"{self.label}: " if self.label else ""
        return delivery_error(f"channel `{self.channel}`: {service}{reason}", refusal, wait=wait)

    def json_object(self, answer: HttpAnswer) -> dict[str, Any]:
        """Return the JSON object of an answer; raises DeliveryError where it is none, as after half of it."""
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            subject = "a web page" if answer.body.lstrip().startswith("<") else f"`{self.redacted(answer.body)}`"
            raise self.failure(f"{subject} answered instead of JSON, with status {answer.status}", Refusal.PASSING)
        return value

    def redacted(self, text: str) -> str:
        """Return a text of the service in one line, without secrets."""
        return redact_reply(text, *self.secrets)
