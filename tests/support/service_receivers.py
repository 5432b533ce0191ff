"""HTTP servers for tests that validate requests, and answer, as the services of channels document it."""

from __future__ import annotations

import base64
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from werkzeug import Request as HttpRequest
from werkzeug import Response

from support.receivers import HttpReceiver, Request

Answer = tuple[int, Any]
"""A status and the JSON of an answer."""


@dataclass(kw_only=True)
class ServiceReceiver(HttpReceiver):
    """The beginning of each such server: counts what it accepted, and can fail in front of or behind the service."""

    failures: list[Response] = field(default_factory=list)  # the next answers, without the service
    lost_answers: int = 0  # the next answers of the service that break off in the middle
    accepted: list[Any] = field(default_factory=list)
    offences: list[str] = field(default_factory=list)  # what was wrong with requests

    def respond(self, request: Request) -> Answer:
        """Return the answer of the service."""
        raise NotImplementedError

    def offend(self, status: int, reason: str) -> Answer:
        """Refuse a request that is not as documented."""
        self.offences.append(reason)
        return status, {"message": reason}

    def _record(self, request: HttpRequest) -> Response:
        super()._record(request)
        if self.failures:
            return self.failures.pop(0)
        status, value = self.respond(self.requests[-1])
        body = b"" if value is None else json.dumps(value).encode()
        if self.lost_answers and status < 300:
            self.lost_answers -= 1
            return Response(body[: len(body) // 2], status, {"Content-Length": str(len(body))})
        return Response(body, status, content_type="application/json")


@dataclass(kw_only=True)
class WebhookReceiver(ServiceReceiver):
    """A receiver that verifies signatures by Standard Webhooks and drops doubles by their key."""

    key: bytes
    token: str
    moment: float  # of the receiver's clock
    tolerance: float = 300

    def respond(self, request: Request) -> Answer:
        """Verify a document before it is read."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("authorization") != f"Bearer {self.token}":
            return self.offend(401, "wrong token")
        if abs(self.moment - int(headers["webhook-timestamp"])) > self.tolerance:
            return self.offend(400, "the timestamp is too old")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
        expected = base64.b64encode(hmac.digest(self.key, signed, "sha256")).decode()
        signatures = [part.partition(",")[2] for part in headers["webhook-signature"].split()]
        if not any(hmac.compare_digest(expected, signature) for signature in signatures):
            return self.offend(401, "wrong signature")
        if headers["idempotency-key"] not in [key for key, _ in self.accepted]:
            self.accepted.append((headers["idempotency-key"], json.loads(request.body)))
        return 204, None


@dataclass(kw_only=True)
class TeamsReceiver(ServiceReceiver):
    """A Teams workflow that posts a card: 28 KB, one Adaptive Card with the elements that are used here."""

    def respond(self, request: Request) -> Answer:
        """Check the message and accept it."""
        if len(request.body) > 28 * 1024:
            return self.offend(413, "RequestEntityTooLarge")
        message = json.loads(request.body)
        (attachment,) = message["attachments"]
        card = attachment["content"]
        if (message["type"], attachment["contentType"]) != ("message", "application/vnd.microsoft.card.adaptive"):
            return self.offend(400, "no message with a card")
        if (card["type"], card["version"]) != ("AdaptiveCard", "1.4") or not card["body"]:
            return self.offend(400, "no Adaptive Card of version 1.4")
        for element in card["body"]:
            if not self._is_element(element):
                return self.offend(400, f"wrong element {element}")
        for action in card.get("actions", []):
            if action["type"] != "Action.OpenUrl" or not action["title"] or not action["url"].startswith("https://"):
                return self.offend(400, f"wrong action {action}")
        self.accepted.append(card)
        return 202, None

    def _is_element(self, element: Any) -> bool:
        if element["type"] == "TextBlock":
            return isinstance(element["text"], str)
        runs = element.get("inlines")
        return (
            element["type"] == "RichTextBlock"
            and bool(runs)
            and all(run["type"] == "TextRun" and isinstance(run["text"], str) for run in runs)
        )


@dataclass(kw_only=True)
class PagerDutyReceiver(ServiceReceiver):
    """The Events API v2 of PagerDuty; `accepted` are the events, which it joins by their key."""

    routing_key: str

    def respond(self, request: Request) -> Answer:
        """Check the event and accept it."""
        event = json.loads(request.body)
        fault = self._fault(request, event)
        if fault:
            self.offences.append(fault)
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": [fault]}
        self.accepted.append(event)
        return 202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}

    def _fault(self, request: Request, event: Any) -> str:
        if request.path != "/v2/enqueue" or len(request.body) > 512 * 1024:
            return "wrong path, or too large"
        if event["routing_key"] != self.routing_key:
            return "'routing_key' is unknown"
        if event["event_action"] not in ("trigger", "acknowledge", "resolve") or not 0 < len(event["dedup_key"]) <= 255:
            return "wrong action or key"
        if event["event_action"] != "trigger":
            return "" if set(event) == {"routing_key", "event_action", "dedup_key"} else "too much"
        payload = event["payload"]
        if not 0 < len(payload["summary"]) <= 1_024 or not payload["source"]:
            return "wrong summary or source"
        if payload["severity"] not in ("critical", "error", "warning", "info"):
            return "wrong severity"
        if (
            not isinstance(payload["custom_details"], dict)
            or datetime.fromisoformat(payload["timestamp"]).tzinfo is None
        ):
            return "wrong details or timestamp"
        links = event.get("links", [])
        return "" if all(link["href"].startswith("https://") and link["text"] for link in links) else "wrong link"


@dataclass(kw_only=True)
class JiraReceiver(ServiceReceiver):
    """The REST API of Jira, version 3 (Cloud) or 2 (Data Center); `accepted` are the tickets."""

    version: str
    authorization: str
    priorities: tuple[str, ...] = ("Highest", "High", "Medium", "Low", "Lowest")

    def respond(self, request: Request) -> Answer:
        """Search, create or comment."""
        if request.headers.get("Authorization") != self.authorization:
            return self.offend(401, "Client must be authenticated to access this resource.")
        path = request.path.removeprefix(f"/rest/api/{self.version}").partition("?")[0]
        if (request.method, path) == ("POST", "/search/jql" if self.version == "3" else "/search"):
            return self._search(json.loads(request.body))
        if (request.method, path) == ("POST", "/issue"):
            return self._create(json.loads(request.body)["fields"])
        if match := re.fullmatch(r"/issue/(\d+)/transitions", path):
            return self._move(request, self.accepted[int(match[1])])
        if match := re.fullmatch(r"/issue/(\d+)/comment", path):
            comments = self.accepted[int(match[1])]["comments"]
            if request.method == "GET":
                return 200, {"comments": comments, "total": len(comments)}
            comments.append(json.loads(request.body))
            return (
                (201, {"id": str(len(comments))}) if self._is_text(comments[-1]["body"]) else self.offend(400, "text")
            )
        return self.offend(404, f"no such resource: {request.path}")

    def _search(self, query: Any) -> Answer:
        match = re.fullmatch(r'project = "(\w+)" AND labels = "([\w-]+)" ORDER BY created ASC', query["jql"])
        if match is None:
            return self.offend(400, "Error in the JQL Query")
        issues = [
            {
                "id": str(number),
                "key": f"{match[1]}-{number}",
                "fields": {name: ticket[name] for name in query["fields"]},
            }
            for number, ticket in enumerate(self.accepted)
            if match[2] in ticket["labels"]
        ]
        return 200, {"issues": issues[: query["maxResults"]]}

    def _create(self, fields: Any) -> Answer:
        summary, labels = fields["summary"], fields["labels"]
        if not 0 < len(summary) <= 255 or "\n" in summary:
            return self.offend(400, "summary")
        if not self._is_text(fields["description"]):
            return self.offend(400, "description")
        if any(" " in label or len(label) > 255 for label in labels):
            return self.offend(400, "labels")
        if "priority" in fields and fields["priority"]["name"] not in self.priorities:
            self.offences.append("priority")
            return 400, {"errorMessages": [], "errors": {"priority": "The priority selected is invalid."}}
        self.accepted.append({**fields, "comments": [], "status": self._status("new")})
        return 201, {"id": str(len(self.accepted) - 1), "key": f"SOC-{len(self.accepted) - 1}"}

    def _status(self, category: str) -> Any:
        return {"name": f"In {category}", "statusCategory": {"key": category}}

    def _move(self, request: Request, ticket: Any) -> Answer:
        """List the transitions of the workflow, or use one: no ticket stays where it is."""
        listed = [
            {"id": identifier, "to": self._status(category)}
            for identifier, category in (("11", "indeterminate"), ("21", "done"))
            if self._status(category) != ticket["status"]
        ]
        if request.method == "GET":
            return 200, {"transitions": listed}
        selected = [entry for entry in listed if entry["id"] == json.loads(request.body)["transition"]["id"]]
        if not selected:
            return self.offend(400, "transition")
        ticket["status"] = selected[0]["to"]
        return 204, None

    def _is_text(self, value: Any) -> bool:
        if self.version == "2":
            return isinstance(value, str) and 0 < len(value) <= 32_767
        texts = [text["text"] for block in value["content"] for text in block["content"]]
        types = {block["type"] for block in value["content"]}
        shape = (value["type"], value["version"], types <= {"codeBlock", "paragraph"}, all(texts))
        return shape == ("doc", 1, True, True) and sum(map(len, texts)) <= 32_767


@dataclass(kw_only=True)
class TheHiveReceiver(ServiceReceiver):
    """The API of TheHive 5; `accepted` are the alerts, each type, source and reference once."""

    api_key: str
    double: int = 400  # the status for an alert that exists
    comments: list[tuple[int, str]] = field(default_factory=list)  # number of the alert, from 1; text

    def respond(self, request: Request) -> Answer:
        """Create an alert, or answer a query."""
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return self.offend(401, "Authentication failure")
        value = json.loads(request.body)
        if match := re.fullmatch(r"/api/v1/alert/~(\d+)/comment", request.path):
            if set(value) != {"message"} or not value["message"]:
                return self.offend(400, "wrong comment")
            self.comments.append((int(match[1]), value["message"]))
            return 201, {"_id": f"~9{len(self.comments)}", "_type": "Comment", **value}
        if request.path == "/api/v1/query" and value["query"][0]["_name"] == "getAlert":
            alert = value["query"][0]["idOrName"]
            return 200, [
                {"_type": "Comment", "message": text} for number, text in self.comments if f"~{number}" == alert
            ]
        if request.path == "/api/v1/query":
            conditions = [part["_eq"] for part in value["query"][1]["_and"]]
            same = [
                alert
                for alert in self.accepted
                if all(alert[condition["_field"]] == condition["_value"] for condition in conditions)
            ]
            numbered = [{"_id": f"~{self.accepted.index(alert) + 1}", **alert} for alert in same]
            return 200, numbered[: value["query"][2]["to"]]
        fault = self._fault(value)
        if fault:
            self.offences.append(fault)
            return 400, {"type": "BadRequest", "message": fault}
        if any(self._identity(alert) == self._identity(value) for alert in self.accepted):
            return self.double, {"type": "CreateError", "message": "Alert already exists"}
        self.accepted.append(value)
        return 201, {"_id": f"~{len(self.accepted)}", "_type": "Alert"}

    def _identity(self, alert: Any) -> tuple[str, ...]:
        return alert["type"], alert["source"], alert["sourceRef"]

    def _fault(self, alert: Any) -> str:
        limits = {"title": 512, "type": 32, "source": 64, "sourceRef": 128, "description": 1_048_576}
        if any(not 0 < len(alert[name]) <= limit for name, limit in limits.items()) or alert["severity"] not in range(
            1, 5
        ):
            return "a field is missing, or too long"
        observables = [(item["dataType"], item["data"]) for item in alert.get("observables", [])]
        if len(set(observables)) != len(observables):
            return "Observable already exists"
        if any(kind not in ("hostname", "ip", "hash", "other") or not data for kind, data in observables):
            return "wrong observable"
        unexpected = set(alert) - {*limits, "severity", "tags", "externalLink", "observables"}
        return f"unexpected {unexpected}" if unexpected else ""
