"""watcher.yml and the environment become Settings, or faults that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watcher.errors import SettingsError
from watcher.model import Location
from watcher.settings import (
    AppriseChannel,
    Cluster,
    FaultySettingsError,
    Folder,
    LogSourceMapping,
    MailChannel,
    RateLimitSettings,
    Secret,
    Selector,
    Settings,
    SlackChannel,
    Source,
    StateSettings,
    read,
    read_file,
)

FILE = Path("watcher.yml")
DURATION = "write a number and one of s, m, h, d, w together: `30s`, `5m`, `24h`, `7d`, `2w`"
CLUSTER_KEYS = (
    "`hosts`, `username`, `password`, `password_file`, `api_key`, `api_key_file`, `ca_certs`, `ca_fingerprint`, "
    "`client_cert`, `client_key`, `verify_certs`, `timeout`"
)


def faults(text: str, environ: Mapping[str, str] | None = None, file: Path = FILE) -> list[str]:
    with pytest.raises(FaultySettingsError) as raised:
        read(text, environ or {}, file=file)
    lines = [str(fault) for fault in raised.value.faults]
    assert str(raised.value) == "\n".join(lines)
    return [line.removeprefix("watcher.yml:") for line in lines]


# --------------------------------------------------------------------------- what is left out


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "cluster:\nsources:\nrules:\nchannels:\nstate:\n", "{}"])
def test_an_empty_file_gives_the_defaults(text: str) -> None:
    assert read(text, {}) == Settings()


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


def test_the_environment_may_name_the_file_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    environ = {"WATCHER_USERNAME": "sidecar", "WATCHER_PASSWORD_FILE": str(tmp_path / "password")}
    assert read("", environ).cluster.password == Secret("hush")


def test_what_the_file_says_wins_over_the_environment() -> None:
    environ = {"WATCHER_URL": "https://env.test", "WATCHER_USERNAME": "env", "WATCHER_PASSWORD": "env"}
    found = read("cluster: {hosts: https://file.test, api_key: abc}", environ).cluster
    assert found == Cluster(hosts=("https://file.test",), api_key=Secret("abc"))


def test_a_fault_of_the_environment_names_the_variable() -> None:
    assert faults("", {"WATCHER_URL": "localhost:9200"}) == [
        "WATCHER_URL:1:1: `cluster.hosts`: this is no address; write it as `https://search.example:9200`"
    ]


# --------------------------------------------------------------------------- the whole file


def test_every_part_becomes_its_noun() -> None:
    found = read(
        """
cluster: {hosts: [https://a.test, https://b.test], api_key: abc, verify_certs: no, timeout: 5s}
sources:
  - index: logs-windows-*
    name: domain
    every: 2m
    delay: 0s
    sweep: {past: 2w, every: 1h}
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
storm: {limit: 5}
lease: 1m
discover_url: https://kibana.test/app/discover
""",
        {},
        file=Path("/etc/watcher/watcher.yml"),
    )
    assert found == Settings(
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
                sweep_past=timedelta(weeks=2),
                sweep_every=timedelta(hours=1),
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
        folders=(
            Folder(name="own", path=Path("/etc/watcher/rules/own")),
            Folder(name="theirs", path=Path("/srv/rules")),
        ),
        selectors=(
            Selector(
                line=16,
                level=("high", "critical"),
                enabled=True,
                group_by=("host.name", "user.name"),
                quiet_period=timedelta(hours=4),
                channels=("mail",),
            ),
            Selector(
                line=18, folder=("theirs",), path=("windows/**",), enabled=False, group_by=("event",), channels=()
            ),
        ),
        channels=(
            MailChannel(
                name="mail",
                host="smtp.test",
                port=465,
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
        storm=RateLimitSettings(limit=5),
        lease=timedelta(minutes=1),
        discover_url="https://kibana.test/app/discover",
    )


# --------------------------------------------------------------------------- variables and secrets


def test_a_variable_stands_anywhere_in_a_value() -> None:
    text = "cluster: {hosts: 'https://${HOST}:${PORT:-9200}', verify_certs: '${VERIFY}', timeout: '${WAIT:-7}s'}"
    found = read(text, {"HOST": "a.test", "VERIFY": "false"}).cluster
    assert found == Cluster(hosts=("https://a.test:9200",), verify_certs=False, timeout=timedelta(seconds=7))


def test_a_variable_is_a_value_and_never_yaml() -> None:
    found = read("cluster: {username: a, password: '${PW}'}", {"PW": "x}, hosts: [http://evil.test"}).cluster
    assert found.password == Secret("x}, hosts: [http://evil.test")
    assert found.hosts == ("http://localhost:9200",)


def test_a_variable_inside_a_variable_stays_text() -> None:
    found = read("cluster: {username: a, password: '${PW}'}", {"PW": "${HOME}"}).cluster
    assert found.password == Secret("${HOME}")


def test_two_dollars_are_one_and_a_dollar_alone_is_itself() -> None:
    found = read("cluster: {username: a$b, password: 'pa$${HOME}$$5'}", {}).cluster
    assert (found.username, found.password) == ("a$b", Secret("pa${HOME}$5"))


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read("cluster: {hosts: '${URL:-http://a.test}'}", {"URL": ""}).cluster.hosts == ("http://a.test",)
    assert read("cluster: {hosts: '${URL}'}", {"URL": ""}).cluster == Cluster()


def test_a_missing_variable_is_named_once() -> None:
    assert faults("channels:\n  slack:\n    type: slack\n    webhook_url: ${SLACK}\n") == [
        "4:18: the environment variable `SLACK` is not set; set it, or give a default: `${SLACK:-default}`"
    ]


def test_a_broken_reference_is_a_fault() -> None:
    assert faults("cluster: {username: '${1A}'}") == [
        "1:21: `${` starts no variable here; write `${NAME}`, or `$$` for a dollar"
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file_beside_the_settings(tmp_path: Path, end: str) -> None:
    (tmp_path / "secret").write_bytes(f" hush {end}".encode())
    text = "cluster: {username: a, password_file: secret}"
    assert read(text, {}, file=tmp_path / "watcher.yml").cluster.password == Secret(" hush ")


def test_a_secret_may_look_like_a_number() -> None:
    assert read("cluster: {username: a, password: 0123}", {}).cluster.password == Secret("0123")


def test_a_secret_given_twice_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    text = "channels: {slack: {type: slack, webhook_url: https://a.test/x, webhook_url_file: s}}"
    (found,) = faults(text, file=tmp_path / "watcher.yml")
    assert found.endswith(
        ":1:82: `channels.slack.webhook_url` and `channels.slack.webhook_url_file` are both given; keep one of them"
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
    assert [line.partition("channels.")[2] for line in faults(text, file=tmp_path / "watcher.yml")] == [
        (
            f"gone.url_file`: the file `{tmp_path}/gone` cannot be read: No such file or directory; "
            "check the path and who may read it"
        ),
        f"empty.url_file`: the file `{tmp_path}/empty` is empty; write the secret into it",
        (
            f"binary.url_file`: the file `{tmp_path}/binary` cannot be read: it is no text; "
            "check the path and who may read it"
        ),
    ]


def test_no_secret_appears_in_a_repr_or_a_fault() -> None:
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
        assert hidden not in "".join(faults(text))


# --------------------------------------------------------------------------- faults


def test_all_faults_are_told_together_in_the_order_of_the_file() -> None:
    assert faults("channels: {m: {type: sms}}\ncluster: {host: x}\nwrong: 1\nsources: {every: 1}\n") == [
        "1:22: `channels.m.type`: `sms` was found where one of `mail`, `slack`, `apprise` is wanted",
        f"2:11: `cluster.host` is no setting; did you mean `hosts`? allowed here: {CLUSTER_KEYS}",
        (
            "3:1: `wrong` is no setting; allowed here: "
            "`cluster`, `rules`, `check`, `channels`, `state`, `sources`, `storm`, `lease`, `templates`, "
            "`discover_url`, `placeholders`"
        ),
        f"4:18: `sources.every`: `1` was found where a duration is wanted; {DURATION}",
    ]


def test_a_fault_is_a_settings_error_with_its_place_and_code() -> None:
    with pytest.raises(SettingsError) as raised:
        read("cluster: {hots: http://a.test}", {}, file=FILE)
    assert isinstance(raised.value, FaultySettingsError)
    (fault,) = raised.value.faults
    assert fault.location == Location(file="watcher.yml", line=1, column=11)
    assert fault.code == "unknown-key"


ADDRESS = "write it as `https://search.example:9200`"
TWO = "name at least one"
NAME = "use letters, digits, `_` and `-`, at most 64"
MAIL = "channels: {m: {type: mail, host: smtp.test, to: a@b.test, "


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # the shape of the file
        ("a: %", "1:4: a value may not start with `%`; put the value in single quotes"),
        ("- a", "1:1: a list was found where a map of settings is wanted"),
        ("a: 1\n---\nb: 2", "3:1: the file holds more than one document; remove the line `---`"),
        ("cluster: x", "1:10: `x` was found where a map of settings in `cluster` is wanted"),
        ("channels: [a]", "1:11: a list was found where a map in `channels` is wanted"),
        ("channels: {a: }", "1:15: nothing was found where a map of settings in `channels.a` is wanted"),
        ("sources: [x]", "1:11: `x` was found where a map of settings in `sources` is wanted"),
        # keys
        ("state: {}\nstate: {}", "2:1: `state` stands twice, first in line 1; keep one of them"),
        (
            "cluster:\n  timeout: 1s\n  timeout: 2s",
            "3:3: `cluster.timeout` stands twice, first in line 2; keep one of them",
        ),
        (
            "sources: {fields: {A: a, A: b}}",
            "1:26: `sources.fields.A` stands twice, first in line 1; keep one of them",
        ),
        (
            "sources: {sweep: {ahaed: 1d}}",
            "1:19: `sources.sweep.ahaed` is no setting; did you mean `ahead`? allowed here: `past`, `ahead`, `every`",
        ),
        # the cluster
        ("cluster: {hosts: localhost:9200}", f"1:18: `cluster.hosts`: this is no address; {ADDRESS}"),
        ("cluster: {hosts: 'http://a.test:99999'}", f"1:18: `cluster.hosts`: this is no address; {ADDRESS}"),
        (
            "cluster: {hosts: 'http://u@a.test'}",
            "1:18: `cluster.hosts`: an address may not hold a user and password; use the settings made for them",
        ),
        ("cluster: {hosts: []}", f"1:18: `cluster.hosts`: the list is empty; {TWO}"),
        ("cluster: {username: a}", "1:10: `cluster.password` is missing; `cluster.username` needs it"),
        ("cluster: {password: a}", "1:10: `cluster.username` is missing; `cluster.password` needs it"),
        (
            "cluster: {username: a, password: b, api_key: c}",
            "1:46: `cluster.api_key` and `cluster.username` are both given; keep one of them",
        ),
        (
            "cluster: {ca_certs: gone.crt}",
            "1:21: `cluster.ca_certs`: there is no file `gone.crt`; give a path relative to the settings file",
        ),
        (
            "cluster: {ca_fingerprint: 00:11}",
            (
                "1:27: `cluster.ca_fingerprint`: `00:11` was found where a SHA-256 fingerprint is wanted; "
                "write its 64 hexadecimal digits, with or without colons"
            ),
        ),
        (
            "cluster: {verify_certs: 1}",
            "1:25: `cluster.verify_certs`: `1` was found where `true` or `false` is wanted",
        ),
        (
            "cluster: {timeout: 0s}",
            "1:20: `cluster.timeout`: `0s` is no time at all; give a duration longer than `0s`",
        ),
        (
            "cluster: {timeout: 5 minutes}",
            f"1:20: `cluster.timeout`: `5 minutes` was found where a duration is wanted; {DURATION}",
        ),
        (
            "cluster: {timeout: [1s]}",
            f"1:20: `cluster.timeout`: a list was found where a duration is wanted; {DURATION}",
        ),
        ("cluster: {username: [a], password: b}", "1:21: `cluster.username`: a list was found where a text is wanted"),
        # sources
        (
            "sources: {index: ''}",
            (
                "1:18: `sources.index`: nothing was found where an index pattern is wanted; "
                "write it as `winlogbeat-*`, several as `winlogbeat-*,logs-windows-*`"
            ),
        ),
        (
            "sources: {index: 'a b'}",
            (
                "1:18: `sources.index`: `a b` was found where an index pattern is wanted; "
                "write it as `winlogbeat-*`, several as `winlogbeat-*,logs-windows-*`"
            ),
        ),
        (
            "sources: {name: a/b}",
            f"1:17: `sources.name`: `a/b` was found where a name is wanted; {NAME}",
        ),
        (
            "sources: [{index: a}, {index: b}]",
            "1:10: two sources are named `windows`; give each source a `name` of its own",
        ),
        (
            "sources: {start: 2025-01-31}",
            "1:18: `sources.start`: `2025-01-31` has no time zone; write it as `2025-01-31T08:00:00Z`",
        ),
        (
            "sources: {start: yesterday}",
            (
                "1:18: `sources.start`: `yesterday` was found where a point in time is wanted; "
                "write it as `2025-01-31T08:00:00Z`"
            ),
        ),
        ("sources: {fields: {A: []}}", f"1:23: `sources.fields.A`: the list is empty; {TWO}"),
        (
            "sources: {logsources: {channels: a}}",
            (
                "1:23: `sources.logsources` does not say which log source it means; "
                "give `product`, `category` or `service`"
            ),
        ),
        (
            "sources: {logsources: {product: a}}",
            "1:23: `sources.logsources` does not say which events it means; give `channels`, `event_codes` or both",
        ),
        # rules
        (
            "rules: {folders: [a/own, b/own]}",
            "1:18: two folders of rules are named `own`; give each a name: `{name: own, path: …}`",
        ),
        ("rules: {folders: [{name: a}]}", "1:19: `rules.folders.path` is missing"),
        (
            "rules: {folders: /}",
            "1:18: `rules.folders`: the path `/` gives its folder of rules no name; write `{name: own, path: …}`",
        ),
        (
            "rules: {select: {level: hihg, set: {enabled: no}}}",
            (
                "1:25: `rules.select.level`: `hihg` was found where one of "
                "`informational`, `low`, `medium`, `high`, `critical` is wanted"
            ),
        ),
        (
            "rules: {select: {status: ready, set: {enabled: no}}}",
            (
                "1:26: `rules.select.status`: `ready` was found where one of "
                "`stable`, `test`, `experimental`, `deprecated`, `unsupported` is wanted"
            ),
        ),
        (
            "rules: {select: {level: high}}",
            (
                "1:17: the selector sets nothing; "
                "give at least one of `enabled`, `group_by`, `quiet_period`, `channels` under `set`"
            ),
        ),
        (
            "channels: {mail: {type: apprise, url: 'a://b'}}\nrules: {select: {set: {channels: [mial]}}}",
            "2:17: the selector names the channel `mial`, which is not set up; did you mean `mail`?",
        ),
        (
            "rules: {select: {set: {channels: mail}}}",
            "1:17: the selector names the channel `mail`, which is not set up; name it under `channels` first",
        ),
        (
            "rules: {folders: own, select: {folder: theirs, set: {enabled: no}}}",
            "1:31: the selector names the folder `theirs`, which is not set up; name it under `rules.folders` first",
        ),
        (
            "rules: {select: {set: {group_by: [event, host.name]}}}",
            (
                "1:34: `rules.select.set.group_by`: `event` makes every hit an alert and stands alone; "
                "remove it or the other fields"
            ),
        ),
        (
            "rules: {select: {set: {quiet_period: 0m}}}",
            "1:38: `rules.select.set.quiet_period`: `0m` is no time at all; give a duration longer than `0s`",
        ),
        # channels
        ("channels: {a b: {type: apprise, url: 'a://b'}}", f"1:12: `a b` is no name for a channel; {NAME}"),
        ("channels: {m: {host: a}}", "1:15: `channels.m.type` is missing"),
        ("channels: {m: {type: mail, to: a@b.test}}", "1:15: `channels.m.host` is missing"),
        ("channels: {m: {type: mail, host: a}}", "1:15: `channels.m.to` is missing"),
        ("channels: {m: {type: mail, host: a, to: []}}", f"1:41: `channels.m.to`: the list is empty; {TWO}"),
        (
            "channels: {m: {type: mail, host: a, to: nobody}}",
            (
                "1:41: `channels.m.to`: `nobody` was found where a mail address is wanted; "
                "write it as `soc@example.org` or `SOC <soc@example.org>`"
            ),
        ),
        (
            'channels: {m: {type: mail, host: a, to: "a@b.test\\nBcc: c@d.test"}}',
            "1:41: `channels.m.to`: a text of one line is wanted here, and it may not be empty",
        ),
        (
            MAIL + "port: 0}}",
            (
                "1:65: `channels.m.port`: `0` was found where the number of a port is wanted; "
                "give a number from 1 to 65535"
            ),
        ),
        (
            MAIL + "tls: ssl}}",
            "1:64: `channels.m.tls`: `ssl` was found where one of `starttls`, `tls`, `none` is wanted",
        ),
        (MAIL + "username: a}}", "1:15: `channels.m.password` is missing; `channels.m.username` needs it"),
        (
            "channels: {s: {type: slack}}",
            "1:15: `channels.s.webhook_url` is missing; give it, or `webhook_url_file`",
        ),
        (
            "channels: {s: {type: slack, webhook_url: x}}",
            "1:42: `channels.s.webhook_url` holds no address; it looks like `https://hooks.slack.com/services/…`",
        ),
        (
            "channels: {s: {type: apprise, url: x}}",
            "1:36: `channels.s.url` holds no address; it looks like `ntfys://ntfy.example/alerts`",
        ),
        # the rest
        (
            "state: {prefix: Watcher}",
            (
                "1:17: `state.prefix`: `Watcher` was found where the start of an index name is wanted; "
                "use lower-case letters, digits, `_` and `-`"
            ),
        ),
        (
            "state: {store: all}",
            "1:16: `state.store`: `all` was found where one of `whole`, `fields`, `none` is wanted",
        ),
        (
            "templates: gone",
            "1:12: `templates`: there is no folder `gone`; give a path relative to the settings file",
        ),
        ("discover_url: kibana", f"1:15: `discover_url`: this is no address; {ADDRESS}"),
    ],
)
def test_a_fault_says_where_it_is_what_was_wanted_and_what_to_do(text: str, sentence: str) -> None:
    assert faults(text) == [sentence]


# --------------------------------------------------------------------------- files


def test_a_file_is_read_with_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "watcher.yml"
    path.write_bytes("\ufeffcluster:\r\n  hosts: http://a.test\r\n".encode())
    assert read_file(path, {}) == Settings(file=path, cluster=Cluster(hosts=("http://a.test",)))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.yml").write_bytes(b"\xff\xff")
    for name, reason in (("gone.yml", "No such file or directory"), ("binary.yml", "it is no UTF-8 text")):
        with pytest.raises(FaultySettingsError) as raised:
            read_file(tmp_path / name, {})
        assert str(raised.value) == (
            f"the settings file `{tmp_path / name}` cannot be read: {reason}; give its path by `--settings`"
        )


# --------------------------------------------------------------------------- allowed findings


def test_allowed_findings_are_read_with_their_rules_and_reason(tmp_path: Path) -> None:
    text = """
check:
  allow:
    - {code: title-*, folder: own, level: low, because: kept as written}
    - code: [duplicate-key, file-name]
rules: {folders: [{name: own, path: .}]}
"""
    first, second = read(text, {}, file=tmp_path / "watcher.yml").allow
    assert (first.code, first.because, first.where.folder, first.where.level, first.where.line) == (
        ("title-*",),
        "kept as written",
        ("own",),
        ("low",),
        4,
    )
    assert (second.code, second.because, second.where.folder) == (("duplicate-key", "file-name"), "", ())


def test_an_allowance_needs_a_code() -> None:
    with pytest.raises(FaultySettingsError, match=r"`check\.allow\.code` is missing"):
        read("check: {allow: [{because: no}]}", {})
