"""watcher.yml and the environment become Settings, or errors that say what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watcher.errors import SettingsError
from watcher.model import Location
from watcher.notify.apprise import AppriseChannel
from watcher.notify.mail import MailChannel
from watcher.notify.slack import SlackChannel
from watcher.settings import (
    Cluster,
    FaultySettingsError,
    Folder,
    LateEventSettings,
    LogSourceMapping,
    RateLimitSettings,
    RuleOptions,
    RuleSelection,
    Secret,
    Selector,
    Settings,
    Source,
    StateSettings,
    read,
    read_file,
)

FILE = Path("watcher.yml")
DURATION = "write a number and a unit (s, m, h, d, w): `30s`, `5m`, `24h`, `7d`, `2w`"
CHANNEL_TYPES = "`mail`, `slack`, `apprise`, `webhook`, `file`, `teams`, `pagerduty`, `jira`, `thehive`"
CLUSTER_KEYS = (
    "`hosts`, `username`, `password`, `password_file`, `api_key`, `api_key_file`, `ca_certs`, `ca_fingerprint`, "
    "`client_cert`, `client_key`, `verify_certs`, `timeout`"
)


def errors_of(text: str, environ: Mapping[str, str] | None = None, file: Path = FILE) -> list[str]:
    with pytest.raises(FaultySettingsError) as raised:
        read(text, environ or {}, file=file)
    lines = [str(fault) for fault in raised.value.faults]
    assert str(raised.value) == "\n".join(lines)
    return [line.removeprefix("watcher.yml:") for line in lines]


# --------------------------------------------------------------------------- defaults


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "cluster:\nsources:\nrules:\nchannels:\nstate:\n", "{}"])
def test_an_empty_file_gives_the_defaults(text: str) -> None:
    assert read(text, {}) == Settings()


def test_without_settings_the_library_of_settings_is_not_loaded() -> None:
    program = "import sys\nfrom watcher.settings import read\nread('', {})\nprint('cattrs' in sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_an_address_alone_is_enough() -> None:
    assert read("cluster: {hosts: https://search.test:9200}", {}) == Settings(
        cluster=Cluster(hosts=("https://search.test:9200",))
    )


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").touch()
    environ = {
        "WATCHER_URL": "https://a.test:9200,https://b.test:9200",
        "WATCHER_USERNAME": "sidecar",
        "WATCHER_PASSWORD": "p: #$",
        "WATCHER_CA_CERTS": str(tmp_path / "ca.crt"),
    }
    assert read("", environ).cluster == Cluster(
        hosts=("https://a.test:9200", "https://b.test:9200"),
        username="sidecar",
        password=Secret("p: #$"),
        ca_certs=tmp_path / "ca.crt",
    )
    assert read("", {"WATCHER_API_KEY": "abc"}).cluster.api_key == Secret("abc")


@pytest.mark.parametrize(
    "text",
    [
        "https://a.test:9200, https://b.test:9200",
        " https://a.test:9200 ,https://b.test:9200 ",
        "https://a.test:9200 https://b.test:9200",
        "https://a.test:9200,\n  https://b.test:9200,",
    ],
)
def test_several_addresses_of_the_environment_may_be_separated_by_blanks(text: str) -> None:
    assert read("", {"WATCHER_URL": text}).cluster.hosts == ("https://a.test:9200", "https://b.test:9200")
    assert read("", {"WATCHER_URL": f"{text.partition(':9200')[0]}:9200 ,"}).cluster.hosts == ("https://a.test:9200",)


def test_a_separator_alone_is_no_address() -> None:
    (error,) = errors_of("", {"WATCHER_URL": " , "})
    assert error.startswith("WATCHER_URL:1:1: `cluster.hosts`")


def test_the_environment_may_name_the_file_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    environ = {"WATCHER_USERNAME": "sidecar", "WATCHER_PASSWORD_FILE": str(tmp_path / "password")}
    assert read("", environ).cluster.password == Secret("hush")


def test_the_file_wins_over_the_environment() -> None:
    environ = {"WATCHER_URL": "https://env.test", "WATCHER_USERNAME": "env", "WATCHER_PASSWORD": "env"}
    cluster = read("cluster: {hosts: https://file.test, api_key: abc}", environ).cluster
    assert cluster == Cluster(hosts=("https://file.test",), api_key=Secret("abc"))


def test_an_error_in_the_environment_names_the_variable() -> None:
    assert errors_of("", {"WATCHER_URL": "localhost:9200"}) == [
        "WATCHER_URL:1:1: `cluster.hosts`: not a valid address; write it as `https://search.example:9200`"
    ]


# --------------------------------------------------------------------------- a complete file


def test_every_section_becomes_its_type() -> None:
    settings = read(
        """
cluster: {hosts: [https://a.test, https://b.test], api_key: abc, verify_certs: no, timeout: 5s}
sources:
  - index: logs-windows-*
    name: domain
    every: 2m
    delay: 0s
    late_events: {past: 2w, every: 1h}
    catch_up: oldest
    start: 2025-01-31T08:00:00Z
    fields: {User: user.name, Image: [process.executable, process.path]}
    logsources: {product: windows, service: vpn, channels: Company-VPN, event_codes: [100, 0101]}
rules:
  folders: [rules/own, {name: theirs, path: /srv/rules}]
  select:
    - level: [high, critical]
      set: {channels: mail, quiet_period: 4h, group_by: [host.name, user.name], enabled: true}
    - {folder: theirs, path: "windows/**", set: {enabled: off, group_by: event, channels: []}}
channels:
  mail: {type: mail, host: smtp.test, tls: tls, to: 'SOC <soc@example.test>', operator: true}
  slack: {type: slack, webhook_url: https://hooks.slack.test/services/x}
  teams: {type: apprise, url: msteams://token}
state: {prefix: sigma, retention: 30d, store: none, cluster: {hosts: http://state.test}}
rate_limit: {alerts: 5}
lease: 1m
discover_url: https://kibana.test/app/discover
""",
        {},
        file=Path("/etc/watcher/watcher.yml"),
    )
    assert [risk.code for risk in settings.risks] == ["unverified-server", "short-secret"]
    assert replace(settings, risks=()) == Settings(
        file=Path("/etc/watcher/watcher.yml"),
        cluster=Cluster(
            hosts=("https://a.test", "https://b.test"),
            api_key=Secret("abc"),
            verify_certs=False,
            timeout=timedelta(seconds=5),
        ),
        sources=(
            Source(
                name="domain",
                index="logs-windows-*",
                every=timedelta(minutes=2),
                delay=timedelta(0),
                late_events=LateEventSettings(past=timedelta(weeks=2), every=timedelta(hours=1)),
                catch_up="oldest",
                start=datetime(2025, 1, 31, 8, tzinfo=UTC),
                fields={"User": ("user.name",), "Image": ("process.executable", "process.path")},
                logsources=(
                    LogSourceMapping(
                        product="windows", service="vpn", channels=("Company-VPN",), event_codes=("100", "0101")
                    ),
                ),
            ),
        ),
        rules=RuleSelection(
            folders=(
                Folder(name="own", path=Path("/etc/watcher/rules/own")),
                Folder(name="theirs", path=Path("/srv/rules")),
            ),
            select=(
                Selector(
                    line=16,
                    level=("high", "critical"),
                    set=RuleOptions(
                        enabled=True,
                        group_by=("host.name", "user.name"),
                        quiet_period=timedelta(hours=4),
                        channels=("mail",),
                    ),
                ),
                Selector(
                    line=18,
                    folder=("theirs",),
                    path=("windows/**",),
                    set=RuleOptions(enabled=False, group_by=("event",), channels=()),
                ),
            ),
        ),
        channels=(
            MailChannel(
                name="mail",
                host="smtp.test",
                tls="tls",
                to=("SOC <soc@example.test>",),
                operator=True,
            ),
            SlackChannel(name="slack", webhook_url=Secret("https://hooks.slack.test/services/x")),
            AppriseChannel(name="teams", url=Secret("msteams://token")),
        ),
        state=StateSettings(
            cluster=Cluster(hosts=("http://state.test",)), prefix="sigma", retention=timedelta(days=30), store="none"
        ),
        rate_limit=RateLimitSettings(alerts=5),
        lease=timedelta(minutes=1),
        discover_url="https://kibana.test/app/discover",
    )


@pytest.mark.parametrize(("tls", "port"), [("", 587), (", tls: tls", 465), (", tls: none", 25), (", port: 2525", 2525)])
def test_the_port_of_a_mail_server_depends_on_tls(tls: str, port: int) -> None:
    (channel,) = read(f"channels: {{m: {{type: mail, host: a, to: a@b.test{tls}}}}}", {}).channels
    assert isinstance(channel, MailChannel)
    assert channel.effective_port == port


# --------------------------------------------------------------------------- variables and secrets


def test_a_variable_can_be_used_anywhere_in_a_value() -> None:
    text = "cluster: {hosts: 'https://${HOST}:${PORT:-9200}', verify_certs: '${VERIFY}', timeout: '${WAIT:-7}s'}"
    cluster = read(text, {"HOST": "a.test", "VERIFY": "false"}).cluster
    assert cluster == Cluster(hosts=("https://a.test:9200",), verify_certs=False, timeout=timedelta(seconds=7))


def test_a_variable_is_a_value_and_never_yaml() -> None:
    cluster = read("cluster: {username: a, password: '${PW}'}", {"PW": "x}, hosts: [http://evil.test"}).cluster
    assert cluster.password == Secret("x}, hosts: [http://evil.test")
    assert cluster.hosts == ("http://localhost:9200",)


def test_a_variable_in_the_value_of_a_variable_is_not_replaced() -> None:
    cluster = read("cluster: {username: a, password: '${PW}'}", {"PW": "${HOME}"}).cluster
    assert cluster.password == Secret("${HOME}")


def test_two_dollars_become_one_dollar_and_a_single_dollar_stays() -> None:
    cluster = read("cluster: {username: a$b, password: 'pa$${HOME}$$5'}", {}).cluster
    assert (cluster.username, cluster.password) == ("a$b", Secret("pa${HOME}$5"))


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read("cluster: {hosts: '${URL:-http://a.test}'}", {"URL": ""}).cluster.hosts == ("http://a.test",)
    assert read("cluster: {hosts: '${URL}'}", {"URL": ""}).cluster == Cluster()


def test_a_missing_variable_is_named_once() -> None:
    assert errors_of("channels:\n  slack:\n    type: slack\n    webhook_url: ${SLACK}\n") == [
        "4:18: the environment variable `SLACK` is not set; set it, or give a default: `${SLACK:-default}`"
    ]


def test_a_broken_reference_is_an_error() -> None:
    assert errors_of("cluster: {username: '${1A}'}") == [
        "1:21: `${` does not start a variable here; write `${NAME}`, or `$$` for a dollar"
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file_beside_the_settings(tmp_path: Path, end: str) -> None:
    (tmp_path / "secret").write_bytes(f" hush {end}".encode())
    text = "cluster: {username: a, password_file: secret}"
    assert read(text, {}, file=tmp_path / "watcher.yml").cluster.password == Secret(" hush ")


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes("\N{ZERO WIDTH NO-BREAK SPACE}hush\r\n".encode())
    text = "cluster: {username: a, password_file: secret}"
    assert read(text, {}, file=tmp_path / "watcher.yml").cluster.password == Secret("hush")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_secret_in_another_encoding_is_an_error(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "secret").write_bytes("hush\r\n".encode(encoding))
    text = "cluster: {username: a, password_file: secret}"
    (error,) = errors_of(text, file=tmp_path / "watcher.yml")
    assert "it is not UTF-8" in error


def test_a_secret_may_look_like_a_number() -> None:
    assert read("cluster: {username: a, password: 0123}", {}).cluster.password == Secret("0123")


def test_a_secret_given_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    text = "channels: {slack: {type: slack, webhook_url: https://a.test/x, webhook_url_file: s}}"
    (error,) = errors_of(text, file=tmp_path / "watcher.yml")
    assert error.endswith(
        ":1:82: `channels.slack.webhook_url_file` cannot be combined with `webhook_url`; keep one of them"
    )


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    text = "\n".join(
        [
            "channels:",
            *(f"  {name}: {{type: apprise, url_file: {name}}}" for name in ("gone", "empty", "binary")),
        ]
    )
    assert [line.partition("channels.")[2] for line in errors_of(text, file=tmp_path / "watcher.yml")] == [
        (
            f"gone.url_file`: the file `{tmp_path}/gone` cannot be read: No such file or directory; "
            "check the path and the permissions"
        ),
        f"empty.url_file`: the file `{tmp_path}/empty` is empty; write the secret into it",
        (f"binary.url_file`: the file `{tmp_path}/binary` cannot be read: it is not UTF-8; save it as UTF-8"),
    ]


def test_no_secret_appears_in_a_repr_or_an_error() -> None:
    hidden = "hunter2"
    settings = read(
        f"cluster: {{username: a, password: {hidden}}}\n"
        f"channels: {{s: {{type: slack, webhook_url: https://a.test/{hidden}}}}}",
        {},
    )
    assert hidden not in repr(settings)
    for text in (
        f"cluster: {{hosts: 'https://u:{hidden}@a.test'}}",
        f"cluster: {{hosts: 'u:{hidden}@a.test:9200'}}",
        f"cluster: {{password: [{hidden}]}}",
        f"cluster: {{api_key: {hidden}, username: a, password: {hidden}}}",
        f"channels: {{s: {{type: slack, webhook_url: '{hidden}'}}}}",
        f"channels: {{s: {{type: apprise, url: '{hidden}'}}}}",
        f"discover_url: 'ftp://{hidden}'",
    ):
        assert hidden not in "".join(errors_of(text))


# --------------------------------------------------------------------------- errors


def test_all_errors_are_reported_together_in_the_order_of_the_file() -> None:
    assert errors_of("channels: {m: {type: sms}}\ncluster: {host: x}\nwrong: 1\nsources: {every: 1}\n") == [
        f"1:22: `channels.m.type`: expected one of {CHANNEL_TYPES}, got `sms`",
        f"2:11: `cluster.host` is not a setting; did you mean `hosts`? allowed here: {CLUSTER_KEYS}",
        (
            "3:1: `wrong` is not a setting; allowed here: "
            "`cluster`, `sources`, `rules`, `check`, `channels`, `state`, `rate_limit`, `routes`, `calendars`, "
            "`inhibit`, `maintenance_windows`, `monitoring`, `lease`, `base_hits_in_memory`, `person`, "
            "`templates`, `discover_url`, `data_view`, `catalogue_url`, `time_zone`, `placeholders`"
        ),
        f"4:18: `sources.every`: expected a duration, got `1`; {DURATION}",
    ]


def test_errors_within_one_section_are_reported_together() -> None:
    assert errors_of(
        "rules:\n"
        "  folders: [own, {name: theirs}]\n"
        "  select: {level: hihg, tga: a, set: {channels: mail, quiet_period: 0s}}\n"
        "sources: [{index: a}, {index: b, logsources: {product: 1, chanels: x}, delay: soon}, {every: 1m}]\n"
    ) == [
        "2:18: `rules.folders.path` is missing",
        "3:11: `rules.select` names the channel `mail`, which is not defined; define it under `channels`",
        (
            "3:19: `rules.select.level`: expected one of "
            "`informational`, `low`, `medium`, `high`, `critical`, got `hihg`"
        ),
        (
            "3:25: `rules.select.tga` is not a setting; did you mean `tag`? allowed here: "
            "`folder`, `id`, `tag`, `level`, `status`, `author`, `path`, `set`"
        ),
        "3:69: `rules.select.set.quiet_period`: the duration must be greater than zero; `0s` is zero",
        "4:10: `sources`: several entries have the name `windows`; give each source a `name` of its own",
        (
            "4:46: `sources.logsources` does not say which events belong to the log source; "
            "give `channels`, `event_codes` or both"
        ),
        (
            "4:59: `sources.logsources.chanels` is not a setting; did you mean `channels`? "
            "allowed here: `product`, `category`, `service`, `channels`, `event_codes`"
        ),
        f"4:79: `sources.delay`: expected a duration, got `soon`; {DURATION}",
    ]


def test_an_error_is_a_settings_error_with_its_location_and_code() -> None:
    with pytest.raises(SettingsError) as raised:
        read("cluster: {hots: http://a.test}", {}, file=FILE)
    assert isinstance(raised.value, FaultySettingsError)
    (fault,) = raised.value.faults
    assert fault.location == Location(file="watcher.yml", line=1, column=11)
    assert fault.code == "unknown-key"


NOT_EMPTY = "give at least one item"
ADDRESS = "write it as `https://search.example:9200`"
NAME = "use letters, digits, `_` and `-`, at most 64 characters"
MAIL = "channels: {m: {type: mail, host: smtp.test, to: a@b.test, "


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # the shape of the file
        ("a: %", "1:4: a value may not start with `%`; put the value in single quotes"),
        ("- a", "1:1: expected a mapping, got a list"),
        ("a: 1\n---\nb: 2", "3:1: the file contains more than one document; remove the line `---`"),
        ("cluster: x", "1:10: `cluster`: expected a mapping, got a single value"),
        ("channels: [a]", "1:11: `channels`: expected a mapping, got a list"),
        ("channels: {a: }", "1:15: `channels.a`: expected a mapping, got nothing"),
        ("sources: [x]", "1:11: `sources`: expected a mapping, got a single value"),
        # keys
        ("state: {}\nstate: {}", "2:1: `state` appears twice, first on line 1; keep one of them"),
        (
            "cluster:\n  timeout: 1s\n  timeout: 2s",
            "3:3: `cluster.timeout` appears twice, first on line 2; keep one of them",
        ),
        (
            "sources: {fields: {A: a, A: b}}",
            "1:26: `sources.fields.A` appears twice, first on line 1; keep one of them",
        ),
        (
            "sources: {late_events: {ahaed: 1d}}",
            (
                "1:25: `sources.late_events.ahaed` is not a setting; did you mean `ahead`? "
                "allowed here: `past`, `ahead`, `every`"
            ),
        ),
        # the cluster
        ("cluster: {hosts: localhost:9200}", f"1:18: `cluster.hosts`: not a valid address; {ADDRESS}"),
        ("cluster: {hosts: 'http://a.test:99999'}", f"1:18: `cluster.hosts`: not a valid address; {ADDRESS}"),
        (
            "cluster: {hosts: 'http://u@a.test'}",
            (
                "1:18: `cluster.hosts`: the address must not contain a user name and password; "
                "use the settings for credentials"
            ),
        ),
        ("cluster: {hosts: []}", f"1:18: `cluster.hosts`: the list is empty; {NOT_EMPTY}"),
        ("cluster: {username: a}", "1:10: `cluster.password` is missing; `username` needs it"),
        ("cluster: {password: a}", "1:10: `cluster.username` is missing; `password` needs it"),
        (
            "cluster: {username: a, password: b, api_key: c}",
            "1:46: `cluster.api_key` cannot be combined with `username`; keep one of them",
        ),
        (
            "cluster: {ca_certs: gone.crt}",
            "1:21: `cluster.ca_certs`: there is no file `gone.crt`; give a path relative to the settings file",
        ),
        (
            "cluster: {ca_fingerprint: 00:11}",
            (
                "1:27: `cluster.ca_fingerprint`: expected a SHA-256 fingerprint, got `00:11`; "
                "write its 64 hexadecimal digits, with or without colons"
            ),
        ),
        (
            "cluster: {verify_certs: 1}",
            "1:25: `cluster.verify_certs`: expected `true` or `false`, got `1`",
        ),
        (
            "cluster: {timeout: 0s}",
            "1:20: `cluster.timeout`: the duration must be greater than zero; `0s` is zero",
        ),
        (
            "cluster: {timeout: 5 minutes}",
            f"1:20: `cluster.timeout`: expected a duration, got `5 minutes`; {DURATION}",
        ),
        (
            "cluster: {timeout: [1s]}",
            f"1:20: `cluster.timeout`: expected a duration, got a list; {DURATION}",
        ),
        ("cluster: {username: [a], password: b}", "1:21: `cluster.username`: expected a string, got a list"),
        # sources
        (
            "sources: {index: ''}",
            (
                "1:18: `sources.index`: expected an index pattern, got nothing; "
                "write it as `winlogbeat-*`, several as `winlogbeat-*,logs-windows-*`"
            ),
        ),
        (
            "sources: {index: 'a b'}",
            (
                "1:18: `sources.index`: expected an index pattern, got `a b`; "
                "write it as `winlogbeat-*`, several as `winlogbeat-*,logs-windows-*`"
            ),
        ),
        (
            "sources: {name: a/b}",
            f"1:17: `sources.name`: expected a name, got `a/b`; {NAME}",
        ),
        (
            "sources: [{index: a}, {index: b}]",
            "1:10: `sources`: several entries have the name `windows`; give each source a `name` of its own",
        ),
        (
            "sources: {start: 2025-01-31}",
            "1:18: `sources.start`: the timestamp `2025-01-31` has no time zone; write it as `2025-01-31T08:00:00Z`",
        ),
        (
            "sources: {start: yesterday}",
            ("1:18: `sources.start`: expected a timestamp, got `yesterday`; write it as `2025-01-31T08:00:00Z`"),
        ),
        ("sources: {fields: {A: []}}", f"1:23: `sources.fields.A`: the list is empty; {NOT_EMPTY}"),
        (
            "sources: {logsources: {channels: a}}",
            ("1:23: `sources.logsources` does not name a log source; give `product`, `category` or `service`"),
        ),
        (
            "sources: {logsources: {product: a}}",
            (
                "1:23: `sources.logsources` does not say which events belong to the log source; "
                "give `channels`, `event_codes` or both"
            ),
        ),
        # rules
        (
            "rules: {folders: [a/own, b/own]}",
            "1:18: `rules.folders`: several entries have the name `own`; give each a name: `{name: own, path: …}`",
        ),
        ("rules: {folders: [{name: a}]}", "1:19: `rules.folders.path` is missing"),
        (
            "rules: {folders: /}",
            "1:18: `rules.folders`: the last part of the path `/` is not a valid name; write `{name: own, path: …}`",
        ),
        (
            "rules: {select: {level: hihg, set: {enabled: no}}}",
            (
                "1:25: `rules.select.level`: expected one of "
                "`informational`, `low`, `medium`, `high`, `critical`, got `hihg`"
            ),
        ),
        (
            "rules: {select: {status: ready, set: {enabled: no}}}",
            (
                "1:26: `rules.select.status`: expected one of "
                "`stable`, `test`, `experimental`, `deprecated`, `unsupported`, got `ready`"
            ),
        ),
        (
            "rules: {select: {level: high}}",
            (
                "1:17: `rules.select` sets nothing; "
                "give at least one of `enabled`, `group_by`, `quiet_period`, `channels` under `set`"
            ),
        ),
        (
            "channels: {mail: {type: apprise, url: 'a://b'}}\nrules: {select: {set: {channels: [mial]}}}",
            "2:17: `rules.select` names the channel `mial`, which is not defined; did you mean `mail`?",
        ),
        (
            "rules: {select: {set: {channels: mail}}}",
            "1:17: `rules.select` names the channel `mail`, which is not defined; define it under `channels`",
        ),
        (
            "rules: {folders: own, select: {folder: theirs, set: {enabled: no}}}",
            "1:31: `rules.select` names the folder `theirs`, which is not defined; define it under `rules.folders`",
        ),
        (
            "rules: {select: {set: {group_by: [event, host.name]}}}",
            (
                "1:34: `rules.select.set.group_by`: `event` makes every hit an alert and cannot be combined "
                "with fields; remove it or the fields"
            ),
        ),
        (
            "rules: {select: {set: {quiet_period: 0m}}}",
            "1:38: `rules.select.set.quiet_period`: the duration must be greater than zero; `0m` is zero",
        ),
        # channels
        (
            "channels: {a b: {type: apprise, url: 'a://b'}}",
            f"1:12: `channels`: `a b` is not a valid name for a channel; {NAME}",
        ),
        ("channels: {m: {host: a}}", "1:15: `channels.m.type` is missing"),
        ("channels: {m: {type: mail, to: a@b.test}}", "1:15: `channels.m.host` is missing"),
        ("channels: {m: {type: mail, host: a}}", "1:15: `channels.m.to` is missing"),
        ("channels: {m: {type: mail, host: a, to: []}}", f"1:41: `channels.m.to`: the list is empty; {NOT_EMPTY}"),
        (
            "channels: {m: {type: mail, host: a, to: nobody}}",
            (
                "1:41: `channels.m.to`: expected a mail address, got `nobody`; "
                "write it as `soc@example.org` or `SOC <soc@example.org>`"
            ),
        ),
        (
            'channels: {m: {type: mail, host: a, to: "a@b.test\\nBcc: c@d.test"}}',
            "1:41: `channels.m.to`: expected a string of one line that is not empty",
        ),
        (
            MAIL + "port: 0}}",
            ("1:65: `channels.m.port`: expected a port number, got `0`; give an integer from 1 to 65535"),
        ),
        (
            MAIL + "tls: ssl}}",
            "1:64: `channels.m.tls`: expected one of `starttls`, `tls`, `none`, got `ssl`",
        ),
        (MAIL + "username: a}}", "1:15: `channels.m.password` is missing; `username` needs it"),
        (
            "channels: {s: {type: slack}}",
            "1:15: `channels.s` has neither `webhook_url` nor `bot_token`; give one of them, or its `_file`",
        ),
        (
            "channels: {s: {type: slack, webhook_url: x}}",
            "1:42: `channels.s.webhook_url`: not a valid address; write it as `https://hooks.slack.com/services/…`",
        ),
        (
            "channels: {s: {type: apprise, url: x}}",
            "1:36: `channels.s.url`: not a valid address; write it as `ntfys://ntfy.example/alerts`",
        ),
        # the rest
        (
            "state: {prefix: Watcher}",
            (
                "1:17: `state.prefix`: expected the prefix of an index name, got `Watcher`; "
                "use lower-case letters, digits, `_` and `-`"
            ),
        ),
        (
            "state: {store: all}",
            "1:16: `state.store`: expected one of `whole`, `fields`, `none`, got `all`",
        ),
        (
            "templates: gone",
            "1:12: `templates`: there is no folder `gone`; give a path relative to the settings file",
        ),
        ("discover_url: kibana", f"1:15: `discover_url`: not a valid address; {ADDRESS}"),
    ],
)
def test_an_error_says_where_it_is_what_is_expected_and_what_to_do(text: str, sentence: str) -> None:
    assert errors_of(text) == [sentence]


# --------------------------------------------------------------------------- files


def test_a_file_is_read_with_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "watcher.yml"
    path.write_bytes("\ufeffcluster:\r\n  hosts: http://a.test\r\n".encode())
    assert read_file(path, {}) == Settings(file=path, cluster=Cluster(hosts=("http://a.test",)))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.yml").write_bytes(b"\xff\xff")
    for name, reason in (("gone.yml", "No such file or directory"), ("binary.yml", "it is not UTF-8")):
        with pytest.raises(FaultySettingsError) as raised:
            read_file(tmp_path / name, {})
        assert str(raised.value) == (
            f"the settings file `{tmp_path / name}` cannot be read: {reason}; give its path with `--settings`"
        )


# --------------------------------------------------------------------------- allowed findings


def test_allowed_findings_are_read_with_their_rules_and_reason(tmp_path: Path) -> None:
    text = """
check:
  allow:
    - {code: title-*, folder: own, level: low, reason: kept as written}
    - code: [duplicate-key, file-name]
rules: {folders: [{name: own, path: .}]}
"""
    first, second = read(text, {}, file=tmp_path / "watcher.yml").check.allow
    assert (first.code, first.reason, first.folder, first.level, first.line) == (
        ("title-*",),
        "kept as written",
        ("own",),
        ("low",),
        4,
    )
    assert (second.code, second.reason, second.folder) == (("duplicate-key", "file-name"), "", ())


def test_an_allowance_needs_a_code() -> None:
    with pytest.raises(FaultySettingsError, match=r"`check\.allow\.code` is missing"):
        read("check: {allow: [{reason: no}]}", {})


# --------------------------------------------------------------------------- former names


def test_former_names_are_read_with_a_warning() -> None:
    settings = read(
        "storm: {limit: 5}\nsources: {sweep: {past: 1d}}\ncheck: {allow: {code: title-end, because: kept}}\n",
        {},
        file=FILE,
    )
    assert settings.rate_limit.alerts == 5
    assert settings.sources[0].late_events.past == timedelta(days=1)
    assert settings.check.allow[0].reason == "kept"
    assert sorted(settings.warnings) == [
        "watcher.yml:1:1: `storm` is now called `rate_limit`; rename it",
        "watcher.yml:1:9: `limit` is now called `alerts`; rename it",
        "watcher.yml:2:11: `sweep` is now called `late_events`; rename it",
        "watcher.yml:3:34: `because` is now called `reason`; rename it",
    ]


def test_an_error_below_a_former_name_has_its_location() -> None:
    assert errors_of("storm:\n  limit: few\n") == [
        "2:10: `rate_limit.alerts`: expected an integer of zero or more, got `few`"
    ]


def test_a_setting_under_both_names_is_an_error() -> None:
    assert errors_of("rate_limit: {alerts: 5}\nstorm: {limit: 6}\n") == [
        "1:13: `rate_limit` cannot be combined with `storm`; keep one of them"
    ]


# --------------------------------------------------------------------------- field maps


def test_field_maps_add_fields_and_log_sources_to_a_source(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "own.yml").write_text(
        "fields: {User: [UserName, user.name], Image: ProcessPath}\n"
        "logsources: {product: windows, service: vpn, channels: Company-VPN}\n"
    )
    text = "sources: {fields: {User: user.name}, field_maps: maps/own.yml}"
    (source,) = read(text, {}, file=tmp_path / "watcher.yml").sources
    assert source.fields == {"User": ("user.name", "UserName"), "Image": ("ProcessPath",)}
    assert source.logsources == (LogSourceMapping(product="windows", service="vpn", channels=("Company-VPN",)),)


def test_an_error_in_a_field_map_has_the_name_and_line_of_its_file(tmp_path: Path) -> None:
    shared = tmp_path / "own.yml"
    shared.write_text("fields:\n  User: []\n  Image: a\n  Image: b\nlogsource: {}\n")
    with pytest.raises(FaultySettingsError) as raised:
        read("lease: 0s\nsources: {field_maps: [own.yml, gone.yml]}", {}, file=tmp_path / "watcher.yml")
    assert str(raised.value).splitlines() == [
        f"{tmp_path}/watcher.yml:1:8: `lease`: the duration must be greater than zero; `0s` is zero",
        (
            f"{tmp_path}/watcher.yml:2:33: `sources.field_maps`: the file `{tmp_path}/gone.yml` cannot be read: "
            "No such file or directory; give a path relative to the settings file"
        ),
        f"{shared}:2:9: `fields.User`: the list is empty; give at least one item",
        f"{shared}:4:3: `fields.Image` appears twice, first on line 3; keep one of them",
        (
            f"{shared}:5:1: `logsource` is not a setting; did you mean `logsources`? "
            "allowed here: `fields`, `logsources`"
        ),
    ]
