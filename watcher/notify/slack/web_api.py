"""Slack's Web API: calls, and what the errors of its answers are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpAnswer, HttpRequest
from watcher.notify.refusals import Refusal
from watcher.notify.slack.settings import SlackChannel
from watcher.notify.web_service import WebService

# Source: the tables of errors on the pages of `chat.postMessage`, `chat.update` and `conversations.history`.
_OF_CHANNEL = frozenset(
    """
    access_denied account_inactive channel_not_found ekm_access_denied enterprise_is_restricted forbidden_team
    invalid_auth is_archived method_deprecated method_not_supported_for_channel_type missing_scope no_permission
    not_allowed_token_type not_authed not_in_channel org_login_required posting_to_general_channel_denied
    restricted_action restricted_action_read_only_channel restricted_action_non_threadable_channel
    restricted_action_thread_only_channel team_access_not_granted team_not_found token_expired token_revoked
    two_factor_setup_required
    """.split()
)
_OF_MESSAGE = frozenset(
    """
    attachment_payload_limit_exceeded invalid_arguments invalid_array_arg invalid_blocks invalid_blocks_format
    invalid_json invalid_metadata_format invalid_metadata_schema json_not_object markdown_text_conflict
    metadata_too_large msg_blocks_too_long msg_too_long no_text too_many_attachments
    """.split()
)
_LONGEST_ANSWER = 8_000_000  # bytes: answers repeat messages with all their blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackError:
    """The error of an answer."""

    name: str  # as Slack documents it, e.g. `not_in_channel`
    answer: HttpAnswer
    needed: str  # the scope that is missing

    @property
    def refusal(self) -> Refusal:
        """What it is about; an error that nobody documented may pass."""
        if self.name in _OF_CHANNEL:
            return Refusal.OF_CHANNEL
        return Refusal.OF_MESSAGE if self.name in _OF_MESSAGE else Refusal.PASSING


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackApi:
    """Calls the methods of the Web API with the token of a bot."""

    channel: SlackChannel
    service: WebService

    def post(self, method: str, value: Mapping[str, Any], deadline: Deadline) -> dict[str, Any] | SlackError:
        """Call a method that writes, and return its answer or the error in it; other answers raise DeliveryError."""
        body = json.dumps(value, ensure_ascii=False)
        request = HttpRequest(url=self._url(method), body=body, headers=self._headers, longest_answer=_LONGEST_ANSWER)
        return self._result(request, deadline)

    def read(self, method: str, values: Mapping[str, Any], deadline: Deadline) -> dict[str, Any] | SlackError:
        """Call a method that reads, with the results and exceptions of `post`."""
        url = f"{self._url(method)}?{urlencode(values)}"
        request = HttpRequest(url=url, method="GET", headers=self._headers, longest_answer=_LONGEST_ANSWER)
        return self._result(request, deadline)

    def _url(self, method: str) -> str:
        return f"{self.channel.api_url.rstrip('/')}/{method}"

    @property
    def _headers(self) -> Mapping[str, str]:
        token = "" if self.channel.bot_token is None else self.channel.bot_token.value
        # with a charset: without it Slack warns in each answer
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}

    def _result(self, request: HttpRequest, deadline: Deadline) -> dict[str, Any] | SlackError:
        answer = self.service.call(request, deadline)
        if answer.status != 200:
            raise self.service.refusal(answer)
        value = self.service.json_object(answer)
        if value.get("ok") is True:
            return value
        name, needed = str(value.get("error") or "no error named"), str(value.get("needed") or "")
        return SlackError(name=name, answer=answer, needed=needed)
