"""Slack for tests: its Web API, and messages as its documentation wants them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.receivers import Request
from support.service_receivers import Answer, ServiceReceiver

# Source: Slack's reference of blocks and its page of `chat.postMessage`.
MOST_BLOCKS, LONGEST_HEADER, LONGEST_TEXT, LONGEST_URL, LONGEST_BUTTON = 50, 150, 3_000, 3_000, 75
MOST_FIELDS, LONGEST_FIELD, MOST_OF_CONTEXT, MOST_ACTIONS, LONGEST_FALLBACK = 10, 2_000, 10, 25, 40_000


def slack_faults(message: dict[str, Any]) -> Iterator[str]:
    """Yield what Slack would refuse in a message."""
    if not 0 < len(message["text"]) <= LONGEST_FALLBACK:
        yield "text"
    if "blocks" not in message:
        return
    blocks = message["blocks"]
    if not 0 < len(blocks) <= MOST_BLOCKS:
        yield f"{len(blocks)} blocks"
    for block in blocks:
        yield from _block_faults(block)


def _block_faults(block: dict[str, Any]) -> Iterator[str]:
    checks: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
        "header": lambda header: _text_faults(header["text"], LONGEST_HEADER),
        "section": _section_faults,
        "context": lambda context: _list_faults(context["elements"], MOST_OF_CONTEXT, LONGEST_TEXT),
        "actions": _action_faults,
        "rich_text": _rich_text_faults,
    }
    yield from checks[block["type"]](block) if block["type"] in checks else (f"block {block}",)


def _section_faults(block: dict[str, Any]) -> Iterator[str]:
    if "text" in block:
        yield from _text_faults(block["text"], LONGEST_TEXT)
    if "fields" in block or "text" not in block:
        yield from _list_faults(block.get("fields", []), MOST_FIELDS, LONGEST_FIELD)


def _action_faults(block: dict[str, Any]) -> Iterator[str]:
    buttons = block["elements"]
    yield from _list_faults([button["text"] for button in buttons], MOST_ACTIONS, LONGEST_BUTTON)
    yield from ("button" for each in buttons if each["type"] != "button" or not 0 < len(each["url"]) <= LONGEST_URL)


def _rich_text_faults(block: dict[str, Any]) -> Iterator[str]:
    sections = block["elements"]
    if not sections or any(section["type"] != "rich_text_section" for section in sections):
        yield "rich text"
    for section in sections:
        yield from _rich_faults(section["elements"])


def _list_faults(texts: list[dict[str, Any]], most: int, limit: int) -> Iterator[str]:
    if not 0 < len(texts) <= most:
        yield f"{len(texts)} texts, at most {most}"
    for text in texts:
        yield from _text_faults(text, limit)


def _text_faults(text: dict[str, Any], limit: int) -> Iterator[str]:
    if text["type"] != "plain_text" or not 0 < len(text["text"]) <= limit:
        yield f"text of {len(text['text'])} characters, at most {limit}: {text['text'][:50]!r}"


def _rich_faults(elements: list[dict[str, Any]]) -> Iterator[str]:
    if not elements:
        yield "empty section"
    for element in elements:
        if element["type"] not in ("text", "link") or not element["text"]:
            yield f"element {element}"
        if element["type"] == "link" and not 0 < len(element["url"]) <= LONGEST_URL:
            yield "link"
        if not set(element.get("style", {})) <= {"bold", "italic", "code"}:
            yield "style"


@dataclass(kw_only=True)
class SlackApiReceiver(ServiceReceiver):
    """Slack's Web API with one channel; `accepted` are its messages, those of threads among them."""

    token: str
    conversation: str = "C0123456789"
    errors: list[str] = field(default_factory=list)  # of the next calls, in place of their results
    reads_history: bool = True  # whether the app has the scope

    def respond(self, request: Request) -> Answer:
        """Post, update or list messages."""
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if self.errors:
            return 200, {"ok": False, "error": self.errors.pop(0)}
        if headers.get("authorization") != f"Bearer {self.token}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if request.method == "GET":
            return self._list(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})
        if not headers["content-type"].startswith("application/json"):
            return self._refuse("invalid_form_data")
        message = json.loads(request.body)
        if message["channel"] != self.conversation:
            return 200, {"ok": False, "error": "channel_not_found"}
        if faults := list(slack_faults(message)):
            return self._refuse(f"invalid_blocks: {faults}")
        return self._update(message) if parts.path == "/api/chat.update" else self._create(parts.path, message)

    def _create(self, path: str, message: dict[str, Any]) -> Answer:
        if path != "/api/chat.postMessage":
            return self._refuse("unknown_method")
        if "thread_ts" in message and self._with(message["thread_ts"]) is None:
            return 200, {"ok": False, "error": "thread_not_found"}
        moment = f"1764000000.{len(self.accepted):06d}"
        self.accepted.append({**message, "ts": moment, "versions": 1})
        return 200, {"ok": True, "channel": self.conversation, "ts": moment, "message": self.accepted[-1]}

    def _update(self, message: dict[str, Any]) -> Answer:
        before = self._with(message["ts"])
        if before is None:
            return 200, {"ok": False, "error": "message_not_found"}
        before.update({**message, "versions": before["versions"] + 1})
        return 200, {"ok": True, "channel": self.conversation, "ts": message["ts"], "text": message["text"]}

    def _list(self, path: str, values: dict[str, str]) -> Answer:
        if not self.reads_history:
            return 200, {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        wanted = {"/api/conversations.history": None, "/api/conversations.replies": values.get("ts")}[path]
        listed = [message for message in self.accepted if message.get("thread_ts") == wanted]
        if values.get("include_all_metadata") != "true" or values["channel"] != self.conversation:
            return self._refuse("invalid_arguments")
        return 200, {"ok": True, "messages": listed[::-1][: int(values["limit"])]}

    def _with(self, moment: str) -> dict[str, Any] | None:
        return next((message for message in self.accepted if message["ts"] == moment), None)

    def _refuse(self, error: str) -> Answer:
        self.offences.append(error)
        return 200, {"ok": False, "error": error.partition(":")[0]}
