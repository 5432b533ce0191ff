from __future__ import annotations

import base64
import hashlib
import ssl
import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from support import fake_cluster as fake_server
from support.borrowed_indices import connections
from support.engines import Running
from support.fake_cluster import Reply, serving

from watcher.cluster.connections import ELASTICSEARCH, OLDER_OPENSEARCH, OPENSEARCH, connect
from watcher.errors import Forbidden, Malformed, Refused, SettingsError, Unreachable
from watcher.ports import NewDocument, Server
from watcher.settings import Cluster, Secret

TOO_OLD = "watcher works with Elasticsearch 8.x and 9.x, OpenSearch 2.11+ and 3.x"

Answers = tuple[Mapping[str, Reply], Reply]


@pytest.mark.parametrize(
    ("answers", "server", "dialect"),
    [
        (fake_server.elasticsearch("8.0.0"), Server(engine="elasticsearch", version="8.0.0"), ELASTICSEARCH),
        (fake_server.elasticsearch("8.19.0"), Server(engine="elasticsearch", version="8.19.0"), ELASTICSEARCH),
        (fake_server.elasticsearch("9.0.2"), Server(engine="elasticsearch", version="9.0.2"), ELASTICSEARCH),
        (fake_server.opensearch("2.11.0"), Server(engine="opensearch", version="2.11.0"), OLDER_OPENSEARCH),
        (fake_server.opensearch("3.2.0"), Server(engine="opensearch", version="3.2.0"), OLDER_OPENSEARCH),
        (fake_server.opensearch("3.3.0"), Server(engine="opensearch", version="3.3.0"), OPENSEARCH),
    ],
)
def test_detects_engine_version_and_dialect(answers: Answers, server: Server, dialect: object) -> None:
    with serving(*answers) as fake, connections(fake.cluster) as connection:
        assert connection.server == server
        assert connection.dialect == dialect


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        (fake_server.elasticsearch("7.17.0"), "Elasticsearch `7.17.0`"),
        (fake_server.opensearch("2.4.0"), "OpenSearch `2.4.0`"),
        (fake_server.opensearch("1.3.0"), "OpenSearch `1.3.0`"),
    ],
)
def test_refuses_versions_that_are_too_old(answers: Answers, name: str) -> None:
    with serving(*answers) as fake, pytest.raises(Refused) as refused:
        connect(fake.cluster)
    assert str(refused.value) == f"the server is {name}: {TOO_OLD}"


def test_refuses_an_elasticsearch_without_a_product_header() -> None:
    root = Reply(body={"version": {"number": "7.9.0"}})
    with serving({"/": root}, Reply(status=404)) as fake, pytest.raises(Refused, match=r"Elasticsearch `7\.9\.0`"):
        connect(fake.cluster)


def test_a_server_that_is_neither_engine_may_be_a_proxy_whose_cluster_is_away() -> None:
    with serving({}, Reply(body={"hello": "world"})) as fake, pytest.raises(Malformed, match="neither"):
        connect(fake.cluster)


def test_reads_the_version_of_the_nodes_where_opensearch_reports_7_10() -> None:
    table, otherwise = fake_server.opensearch("2.19.0")
    posing = Reply(body={"version": {"distribution": "opensearch", "number": "7.10.2"}})
    with serving({**table, "/": posing}, otherwise) as fake, connections(fake.cluster) as connection:
        assert connection.server.version == "2.19.0"


def test_connects_without_the_monitor_privilege() -> None:
    with serving(*fake_server.forbidding("8.19.0")) as fake, connections(fake.cluster) as connection:
        assert connection.server == Server(engine="elasticsearch", version="8.x")


def test_sends_the_api_key_with_every_request_to_version_9() -> None:
    key = base64.b64encode(b"id:secret-key").decode()
    with serving(*fake_server.elasticsearch("9.0.0")) as fake:
        with connections(replace(fake.cluster, api_key=Secret(key))) as connection:
            assert connection.events().now() == datetime(2026, 1, 1, tzinfo=UTC)
        assert {seen["authorization"] for seen in fake.seen} == {f"ApiKey {key}"}
        assert fake.seen[-1]["accept"] == "application/vnd.elasticsearch+json; compatible-with=8"
        assert fake.seen[-1]["path"] == "/_cat/health"


@pytest.mark.parametrize("answers", [fake_server.elasticsearch("8.19.0"), fake_server.opensearch("3.6.0")])
def test_sends_user_and_password_with_letters_outside_ascii(answers: Answers) -> None:
    with serving(*answers) as fake:
        secured = replace(fake.cluster, username="wächter", password=Secret("пароль"))
        with connections(secured) as connection:
            connection.events().now()
        expected = base64.b64encode("wächter:пароль".encode()).decode()
        assert {seen["authorization"] for seen in fake.seen} == {f"Basic {expected}"}


@pytest.mark.parametrize("answers", [fake_server.elasticsearch("8.19.0"), fake_server.opensearch("3.6.0")])
def test_uses_the_next_host_where_the_first_is_down(answers: Answers) -> None:
    with serving(*answers) as fake:
        several = replace(fake.cluster, hosts=("http://127.0.0.1:9", *fake.cluster.hosts))
        with connections(several) as connection:
            events = connection.events()
            assert {events.now() for _ in range(4)} == {datetime(2026, 1, 1, tzinfo=UTC)}


def test_keeps_the_path_of_an_address() -> None:
    table, otherwise = fake_server.elasticsearch("8.19.0")
    behind = {f"/es{path}": reply for path, reply in table.items()}
    with serving(behind, otherwise) as fake:
        (host,) = fake.cluster.hosts
        with connections(replace(fake.cluster, hosts=(f"{host}/es/",))) as connection:
            assert connection.server.version == "8.19.0"


def test_reports_a_refused_connection_without_secrets() -> None:
    lost = Cluster(hosts=("http://127.0.0.1:9",), username="w", password=Secret("hush"), api_key=Secret("aHVzaA=="))
    with pytest.raises(Unreachable) as unreachable:
        connect(lost)
    message = str(unreachable.value)
    assert message == (
        "`http://127.0.0.1:9` refused the connection; check that the cluster is running, and host and port in `hosts`"
    )
    assert "hush" not in "".join(traceback.format_exception(unreachable.value))
    assert "hush" not in repr(lost)
    assert "aHVzaA" not in repr(lost)


def test_reports_an_unknown_host() -> None:
    with pytest.raises(Unreachable, match=r"`http://nowhere\.invalid:9200`: the host's name is unknown; check `hosts`"):
        connect(Cluster(hosts=("nowhere.invalid",)))


def test_reports_rejected_credentials() -> None:
    refusal = Reply(status=401, body={"error": {"type": "security_exception", "reason": "unable to authenticate"}})
    with serving({}, refusal) as fake, pytest.raises(Forbidden, match="does not accept the credentials"):
        connect(replace(fake.cluster, username="w", password=Secret("wrong")))


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("http://w:hush@es:9200", "the address of `es` holds credentials"),
        ("ftp://es:9200", "`ftp://es:9200` is not an address"),
        ("http://es:port", "an address cannot be read"),
    ],
)
def test_refuses_invalid_addresses(host: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        connect(Cluster(hosts=(host,)))
    assert message in str(refused.value)
    assert "hush" not in str(refused.value)


def test_names_the_setting_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`ca_certs`"):
        connect(Cluster(hosts=("https://localhost:9200",), ca_certs=tmp_path / "absent.pem"))


# --------------------------------------------------------------------------- TLS, on a real engine


def test_connects_over_tls_with_the_authority(elasticsearch: Running) -> None:
    with connections(elasticsearch.cluster()) as connection:
        assert connection.server.engine == "elasticsearch"
        assert abs(connection.events().now() - datetime.fromtimestamp(0, tz=UTC)) > timedelta(days=20_000)


def test_connects_with_the_fingerprint_of_the_authority_as_elasticsearch_prints_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    # A stock Elasticsearch sends its own certificate and that of the authority that it created at its first start.
    chain = tmp_path / "chain.pem"
    for blob in (issued.private_key_pem, *issued.cert_chain_pems, authority.cert_pem):
        blob.write_to_path(chain, append=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    printed = fingerprint(authority.cert_pem.bytes().decode())
    with serving(*fake_server.elasticsearch("9.0.0"), tls=tls) as fake:
        with connections(replace(fake.cluster, ca_fingerprint=printed)) as connection:
            assert connection.events().now() == datetime(2026, 1, 1, tzinfo=UTC)
        with pytest.raises(Unreachable, match="`ca_fingerprint` differs"):
            connect(replace(fake.cluster, ca_fingerprint=fingerprint(trustme.CA().cert_pem.bytes().decode())))
    own = fingerprint(issued.cert_chain_pems[0].bytes().decode())
    with serving(*fake_server.opensearch("3.6.0"), tls=tls) as fake:
        with connections(replace(fake.cluster, ca_fingerprint=own)) as connection:
            assert connection.events().now() == datetime(2026, 1, 1, tzinfo=UTC)
        with (
            pytest.raises(Unreachable, match="`ca_fingerprint` differs"),
            connections(replace(fake.cluster, ca_fingerprint=printed)) as connection,
        ):
            connection.events().now()


def fingerprint(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_reports_an_invalid_fingerprint() -> None:
    with pytest.raises(SettingsError, match="the certificate settings cannot be used"):
        connect(Cluster(hosts=("https://localhost:9200",), ca_fingerprint="abc"))


def test_connects_without_a_warning_where_certificates_are_not_verified(
    elasticsearch: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    with connections(replace(elasticsearch.cluster(), ca_certs=None, verify_certs=False)) as connection:
        assert connection.server.engine == "elasticsearch"
    assert capfd.readouterr() == ("", "")


def test_names_the_setting_for_an_unknown_authority(elasticsearch: Running, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for ca in (None, tmp_path / "other.pem"):
        with pytest.raises(Unreachable, match=r"no secure connection; .*set `ca_certs`"):
            connect(replace(elasticsearch.cluster(), ca_certs=ca))


def test_reports_that_the_server_expects_https(elasticsearch: Running) -> None:
    plain = elasticsearch.url.replace("https://", "http://")
    with pytest.raises(Unreachable, match="if it expects TLS, write `https://` in `hosts`"):
        connect(Cluster(hosts=(plain,)))


def test_reports_that_the_server_speaks_plain_http() -> None:
    with serving(*fake_server.elasticsearch("8.19.0")) as fake:
        secure = fake.cluster.hosts[0].replace("http://", "https://")
        with pytest.raises(Unreachable, match="the server speaks plain HTTP; write `http://`"):
            connect(Cluster(hosts=(secure,)))


def test_distinguishes_a_wrong_password_from_a_missing_privilege(elasticsearch: Running) -> None:
    with pytest.raises(Forbidden, match="does not accept the credentials"):
        connect(replace(elasticsearch.cluster(), password=Secret("wrong")))
    with connections(elasticsearch.cluster()) as connection, pytest.raises(Forbidden) as lacking:
        connection.state().create([NewDocument(index="elsewhere", id="1", document={})])
    assert "the user lacks the index privilege" in str(lacking.value)
    assert "`create_index`" in str(lacking.value)
    assert "on `elsewhere`" in str(lacking.value)
