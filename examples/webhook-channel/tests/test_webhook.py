"""The webhook channel against a real HTTP server: `pip install pytest pytest-httpserver`, then `pytest`."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer
from watcher_webhook.settings import WebhookChannel
from watcher_webhook.transport import WebhookNotifier

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.settings.secret import Secret

NOTIFICATION = Notification(
    alert="1a2b", channel="hook", key="4711", subject="an alert", bodies={"application/json": '{"rule": "A rule"}'}
)


def notifier(server: HTTPServer) -> WebhookNotifier:
    return WebhookNotifier(WebhookChannel(name="hook", url=Secret(server.url_for("/hidden"))))


def test_the_body_is_posted_as_json_with_its_key(httpserver: HTTPServer) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "4711"}
    accepted = httpserver.expect_request("/hidden", method="POST", json={"rule": "A rule"}, headers=headers)
    accepted.respond_with_data("")
    notifier(httpserver).send(NOTIFICATION)
    httpserver.check()
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("status", "refused"), [(400, "for good"), (404, "for now"), (429, "for now"), (503, "for now")]
)
def test_a_refusal_is_an_error_that_says_whether_a_retry_can_succeed(
    httpserver: HTTPServer, status: int, refused: str
) -> None:
    httpserver.expect_request("/hidden").respond_with_data("no such hook: hidden", status=status)
    with pytest.raises(DeliveryError, match=rf"channel `hook`: answered {status}") as caught:
        notifier(httpserver).send(NOTIFICATION)
    assert caught.value.permanent is (refused == "for good")
    assert str(httpserver.url_for("/hidden")) not in str(caught.value)


def test_a_server_that_cannot_be_reached_is_tried_again(httpserver: HTTPServer) -> None:
    channel = notifier(httpserver)
    httpserver.stop()
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        channel.send(NOTIFICATION)
    assert not caught.value.permanent
