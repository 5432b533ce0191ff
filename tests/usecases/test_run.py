"""A start while the cluster is away: operators hear of it, once."""

from __future__ import annotations

from support.fakes import FakeClock, RecordingChannel

from watcher.components import Connections
from watcher.errors import DeliveryError, Unreachable
from watcher.notify.mail import MailChannel
from watcher.notify.operators import OperatorNotifier
from watcher.notify.renderer import Renderer
from watcher.settings import Cluster, Settings
from watcher.usecases.run import ClusterConnector

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",), operator=True)


def absent(_settings: Settings) -> Connections:
    """Fail to connect."""
    raise Unreachable("`http://es:9200` refused the connection")


def connect_for(seconds: float, *faults: Exception) -> RecordingChannel:
    """Try to connect to an absent cluster for some time; return the channel that hears of it, after its faults."""
    clock, mail = FakeClock(), RecordingChannel("mail", faults=[*faults])
    connector = ClusterConnector(
        settings=Settings(),
        clock=clock,
        stopping=lambda: clock.at >= seconds,
        operators=OperatorNotifier(((MAIL, mail),), Renderer(), clock),
        connect_once=absent,
    )
    assert connector.connect() is None
    return mail


def test_operators_hear_once_of_a_cluster_that_is_away_at_the_start() -> None:
    assert connect_for(2).taken == []  # it is given a few seconds to come up
    (notice,) = connect_for(3_600).taken
    assert "the cluster does not answer" in notice.subject
    assert "refused the connection" in "".join(notice.bodies.values())


def test_operators_hear_of_it_as_soon_as_a_channel_accepts_the_notice() -> None:
    failures = [DeliveryError("the server refused the connection", permanent=False) for _ in range(5)]
    (notice,) = connect_for(3_600, *failures).taken
    assert "the cluster does not answer" in notice.subject


def test_settings_that_are_reloaded_while_it_waits_are_those_of_the_next_attempt() -> None:
    clock, former, latter = FakeClock(), Settings(), Settings(cluster=Cluster(hosts=("http://es2:9200",)))
    attempted: list[Settings] = []

    def refuse(settings: Settings) -> Connections:
        attempted.append(settings)
        return absent(settings)

    connector = ClusterConnector(
        settings=former,
        clock=clock,
        stopping=lambda: len(attempted) == 5,
        connect_once=refuse,
        reloaded=lambda: latter if len(attempted) == 2 else None,
    )
    assert connector.connect() is None
    assert attempted == [former, former, latter, latter, latter]
