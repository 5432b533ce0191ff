from __future__ import annotations

import json

import pytest
from support.hostile_text import EVENT, EVIL, FixedClock, alert
from support.receivers import LOCALHOST, HttpReceiver, free_port

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.apprise import AppriseChannel
from watcher.notify.apprise.transport import AppriseNotifier
from watcher.notify.escaping import bounded_text
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer
from watcher.settings import Secret

# Apprise loads a module that Python 3.13 no longer has
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOTE = Notification(alert="a1", channel="pager", key="k1", subject="s", bodies={"text/plain": "b"})


def _service(url: str) -> AppriseNotifier:
    return AppriseNotifier(AppriseChannel(name="pager", url=Secret(url)), FixedClock())


def test_the_text_arrives_whole() -> None:
    """Subject and text reach the service as they were rendered; nothing in them is interpreted."""
    channel = AppriseChannel(name="pager", url=Secret("x"))
    notification = Renderer().render(alert_context(alert(EVENT), links=Links()), channel)
    with HttpReceiver() as receiver:
        _service(f"json://{LOCALHOST}:{receiver.port}/alerts").send(notification)
    (request,) = receiver.requests
    got = json.loads(request.body)
    assert got["title"] == notification.subject
    assert got["message"].strip() == notification.bodies["text/plain"].strip()
    for name in ("script", "template", "ansi", "bidi", "markup"):
        assert bounded_text(EVIL[name]) in got["message"]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_refusal_is_tried_again(status: int) -> None:
    """Apprise does not say whether a refusal is for good, so none is; the error tells what it does say."""
    receiver = HttpReceiver(status=status)
    with receiver, pytest.raises(DeliveryError, match=rf"channel `pager`: not sent: .*error={status}") as caught:
        _service(f"json://{LOCALHOST}:{receiver.port}/alerts").send(NOTE)
    assert not caught.value.permanent
    assert len(receiver.requests) == 1


def test_nobody_listens() -> None:
    """A refused connection may be tried again."""
    with pytest.raises(DeliveryError, match="not sent: A Connection error") as caught:
        _service(f"json://{LOCALHOST}:{free_port()}/alerts").send(NOTE)
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["nosuchservice://host/token", "not a url at all", "discord://"])
def test_a_url_that_apprise_does_not_know_is_for_good(url: str) -> None:
    """An unknown service is said so."""
    with pytest.raises(DeliveryError, match="Apprise does not know this `url`") as caught:
        _service(url).send(NOTE)
    assert caught.value.permanent
