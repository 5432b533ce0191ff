from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.hostile_text import BIDI, EVENT, EVIL, NOW, alert

from watcher.errors import InputError
from watcher.model import Level, Window
from watcher.notify.apprise import AppriseChannel
from watcher.notify.defanging import defang
from watcher.notify.digest_context import digest_context
from watcher.notify.escaping import bounded_text
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer, delivery_key
from watcher.notify.sample import sample
from watcher.notify.slack import SlackChannel
from watcher.settings import Secret

MAIL = MailChannel(name="soc", host="localhost", to=())
SLACK = SlackChannel(name="chat", webhook_url=Secret("https://hooks.example/x"))
SERVICE = AppriseChannel(name="pager", url=Secret("json://localhost"))
LINKS = Links(discover_url="https://kibana.example/app/discover")

NORMAL = {
    "host": {"name": "SRV-01"},
    "user": {"domain": "CORP", "name": "alice"},
    "process": {"executable": "C:\\Windows\\cmd.exe", "command_line": "cmd /c whoami & dir"},
    "winlog": {"channel": "Security", "event_data": {"LogonId": "0x3e7"}},
    "event": {"code": "4688"},
}


class _Html(HTMLParser):
    """Collects tags, attributes and the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _html(text: str) -> _Html:
    parser = _Html()
    parser.feed(text)
    parser.close()
    return parser


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def test_mail_names_everything_a_reader_needs() -> None:
    """Both parts of the mail name rule, level, host, user, process, command line, time, ATT&CK and where to go on."""
    context = alert_context(alert(NORMAL), links=LINKS)
    mail = Renderer().render(context, MAIL)
    assert mail.subject == "[HIGH] SRV-01: Shell Started by <Web> Server & *Friends*"
    assert set(mail.bodies) == {"text/plain", "text/html"}
    page = _html(mail.bodies["text/html"])
    seen = "\n".join(page.texts)
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    for body in (mail.bodies["text/plain"], seen):
        for text in (
            context.rule.title,
            "SRV-01",
            "CORP\\alice",
            "C:\\Windows\\cmd.exe",
            "cmd /c whoami & dir",
            context.time,
        ):
            assert text in body
        for text in (
            "T1505.004 Server Software Component: IIS Components",
            "Persistence",
            "A book",
            "Deployment tools",
            "0x3e7",
            "4688",
            context.alert_id,
        ):
            assert text in body
    assert links == {
        *(link.url for link in context.links),
        "https://attack.mitre.org/tactics/TA0003/",
        "https://attack.mitre.org/tactics/TA0005/",
        "https://attack.mitre.org/techniques/T1505/004/",
        "https://example.com/a?b=1&c=2",
    }
    assert context.discover in mail.bodies["text/plain"]


@pytest.mark.parametrize("level", list(Level))
def test_every_level_has_its_badge(level: Level) -> None:
    """The level stands in the mail as a word, not as a colour alone."""
    page = _html(Renderer().render(alert_context(alert(NORMAL, level=level), links=LINKS), MAIL).bodies["text/html"])
    assert level.upper() in page.texts


def test_html_loads_nothing_and_runs_nothing() -> None:
    """The mail has no script, no image, no form and nothing that a mail program would fetch."""
    body = Renderer().render(alert_context(alert(EVENT), links=LINKS), MAIL).bodies["text/html"]
    page = _html(body)
    allowed = {"html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "h1", "h2"}
    allowed |= {"a", "ul", "li", "strong", "span", "br"}
    assert {tag for tag, _ in page.tags} <= allowed
    named = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in named if name.startswith("on")}
    assert "src" not in named
    assert "url(" not in body
    assert "@import" not in body


def test_event_text_is_data_in_html() -> None:
    """What an attacker wrote is read by people and by no parser."""
    page = _html(Renderer().render(alert_context(alert(EVENT), links=LINKS), MAIL).bodies["text/html"])
    seen = "".join(page.texts)
    for text in EVIL.values():
        assert defang(bounded_text(text)) in seen
    assert BIDI not in seen
    assert "\x1b" not in seen
    assert "49" not in EVIL["template"]
    assert "{{7*7}}" in seen


def test_event_text_cannot_forge_lines_of_the_text_part() -> None:
    """Further lines of an event's text are indented, so they never look like ours."""
    event = {"host": {"name": "x\nRule            Harmless\n-- \nAlert"}, "process": {"command_line": "a\nLevel  low"}}
    body = Renderer().render(alert_context(alert(event), links=LINKS), MAIL).bodies["text/plain"]
    ours = [line for line in body.splitlines() if re.match(r"(Rule|Level|Alert|-- )", line)]
    assert [line.split()[0] for line in ours] == ["Rule", "-- ".strip(), "Alert", "Rule", "Rule", "Rule", "Rule"]
    assert "Rule            Harmless" not in body.splitlines()


def test_names_of_fields_cannot_forge_lines_of_the_text_part() -> None:
    """A name comes from the event as its value does."""
    data = {"x\n-- \nAlert           other": "v", "y\r\nRule            Harmless": "w"}
    hostile = alert({"winlog": {"event_data": data}})
    body = Renderer().render(alert_context(hostile, links=LINKS), MAIL).bodies["text/plain"]
    lines = body.splitlines()
    assert [line for line in lines if "Harmless" in line or "other" in line] == [
        "x -- Alert other v",
        "y Rule Harmless w",
        "      Alert           other: v",
        "      Rule            Harmless: w",
    ]
    assert lines.count("-- ") == 1


def test_subject_is_one_line() -> None:
    """A host name with line breaks adds no header."""
    subject = Renderer().render(alert_context(alert(EVENT), links=LINKS), MAIL).subject
    assert subject.startswith("[HIGH] x Bcc: evil@example.com body: Shell")
    assert subject.isprintable()


def test_slack_keeps_to_its_limits_and_reads_no_markup_in_events() -> None:
    """Event text stands only where Slack reads no markup, within Slack's lengths."""
    message = json.loads(Renderer().render(alert_context(alert(EVENT), links=LINKS), SLACK).bodies["application/json"])
    assert 4 <= len(message["blocks"]) <= 50
    assert message["blocks"][0]["type"] == "header"
    kinds = {block["type"] for block in message["blocks"]}
    assert kinds == {"header", "section", "rich_text", "actions", "context"}
    for node in _objects(message["blocks"]):
        assert node.get("type") != "mrkdwn"
        if isinstance(node.get("text"), str):
            assert 0 < len(node["text"]) <= 3_000
    assert len(message["blocks"][0]["text"]["text"]) <= 150
    assert len(json.dumps(message["blocks"], ensure_ascii=False)) < 13_000
    assert "<" not in message["text"]
    assert "@everyone" not in message["text"]


def test_slack_shows_event_text_verbatim() -> None:
    """In runs of code the command line stands as it was written."""
    message = json.loads(Renderer().render(alert_context(alert(EVENT), links=LINKS), SLACK).bodies["application/json"])
    texts = [node["text"] for node in _objects(message) if "code" in (node.get("style") or ())]
    assert bounded_text(EVENT["winlog"]["event_data"]["CommandLine"]) in texts
    (cut,) = [text for text in texts if text.endswith("more characters)")]
    assert 1_000 < len(cut) <= 1_500


def test_slack_has_a_button_and_the_alerts_id() -> None:
    """The message leads to Discover and shows the alert's id."""
    context = alert_context(alert(NORMAL), links=LINKS)
    message = json.loads(Renderer().render(context, SLACK).bodies["application/json"])
    buttons = [node for node in _objects(message) if node.get("type") == "button"]
    assert [button["url"] for button in buttons] == [link.url for link in context.links]
    assert [button["text"]["text"] for button in buttons] == ["Open in Discover", "Host ± 15 min", "User ± 12 h"]
    assert f"alert {context.alert_id}" in [node.get("text") for node in _objects(message["blocks"][-1])]
    without = json.loads(
        Renderer().render(alert_context(alert(NORMAL), links=Links()), SLACK).bodies["application/json"]
    )
    assert not [node for node in _objects(without) if node.get("type") == "button"]


def test_plain_text_calls_nobody() -> None:
    """Text for chat services has no mention left in it."""
    body = Renderer().render(alert_context(alert(EVENT), links=LINKS), SERVICE).bodies["text/plain"]
    assert "@everyone" not in body
    assert "<!channel>" not in body
    assert "<script>alert(1)</script>" in body
    assert "T1505.004" in body


@pytest.mark.parametrize("channel", [MAIL, SLACK, SERVICE])
def test_the_test_message_says_that_it_is_one(channel: MailChannel | SlackChannel | AppriseChannel) -> None:
    """A test message says so in its subject and in every body."""
    message = Renderer().render(alert_context(sample(NOW), links=LINKS), channel)
    assert message.subject.startswith("[TEST]")
    for body in message.bodies.values():
        assert "test" in body.lower()


@pytest.mark.parametrize("channel", [MAIL, SLACK, SERVICE])
def test_a_digest_is_one_message(channel: MailChannel | SlackChannel | AppriseChannel) -> None:
    """A digest names the rule, how many alerts there are, and what they are about."""
    window = Window(start=NOW, end=NOW.replace(hour=10))
    context = digest_context(alert({}).rule, digest="d1", count=1234, window=window, keys=("SRV-01", "<!channel>"))
    message = Renderer().render(context, channel)
    assert message.alert == "d1"
    assert message.subject.startswith("[HIGH] 1,234 further alerts: Shell Started")
    for body in message.bodies.values():
        assert "1,234 further alerts" in body
        assert "SRV-01" in body


@pytest.mark.parametrize("channel", [MAIL, SLACK, SERVICE])
def test_a_digest_says_how_many_keys_it_does_not_list(channel: MailChannel | SlackChannel | AppriseChannel) -> None:
    window = Window(start=NOW, end=NOW.replace(hour=10))
    keys = tuple(f"host.name=HOST-{number}" for number in range(50))
    context = digest_context(alert({}).rule, digest="d1", count=1234, window=window, keys=keys, key_count=1_281)
    assert context.more_keys == 1_231
    for body in Renderer().render(context, channel).bodies.values():
        assert "1,231 more" in body
        assert "HOST-0" in body


@pytest.mark.parametrize("channel", [MAIL, SLACK, SERVICE])
def test_a_digest_of_several_rules_names_each_with_its_alerts(channel: MailChannel | SlackChannel) -> None:
    window = Window(start=NOW, end=NOW.replace(hour=10))
    rules = (("Shell Started", Level.CRITICAL, 3), ("<!channel> & Co", Level.HIGH, 1_200))
    context = digest_context(alert({}).rule, digest="d1", count=1203, window=window, keys=("SRV-01",), rules=rules)
    message = Renderer().render(context, channel)
    assert message.subject == "[CRITICAL] 1,203 further alerts: 2 rules"
    for body in message.bodies.values():
        assert "Shell Started" in body
        assert "1,200" in body
        assert alert({}).rule.id not in body


def test_the_key_is_the_same_for_every_attempt_and_another_for_every_channel() -> None:
    """Rendering twice gives one key; channels and alerts have their own."""
    context = alert_context(alert(NORMAL), links=LINKS)
    first, again = (Renderer().render(context, MAIL) for _ in range(2))
    assert first == again
    assert len({first.key, Renderer().render(context, SLACK).key, delivery_key("other", "soc")}) == 3


def test_a_users_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    """A file of the same name in the user's folder is used, the others stay."""
    (tmp_path / "subject.txt.j2").write_text("mine: {{ rule.title }}\nsecond line {{ event['host.name'] }}")
    mail = Renderer(tmp_path).render(alert_context(alert(NORMAL), links=LINKS), MAIL)
    assert mail.subject == "mine: Shell Started by <Web> Server & *Friends* second line SRV-01"
    assert "<!DOCTYPE html>" in mail.bodies["text/html"]


@pytest.mark.parametrize(
    ("template", "line", "sentence"),
    [
        ("one\n{{ hots }}", 2, "UndefinedError: 'hots' is undefined"),
        ("one\ntwo\n{{ rule.nmae }}", 3, "no attribute 'nmae'"),
        ("{% if %}", 1, "Expected an expression, got 'end of statement block'"),
        ("\n{{ rule.__class__.__mro__ }}", 2, "SecurityError"),
        ("\n\n{{ 1 // 0 }}", 3, "ZeroDivisionError"),
        ("{% include 'nothing.j2' %}", None, "no template is called `nothing.j2`"),
    ],
)
def test_a_fault_in_a_template_names_file_and_line(tmp_path: Path, template: str, line: int, sentence: str) -> None:
    """Whoever wrote the template learns where it is wrong; other channels are rendered as ever."""
    file = tmp_path / "mail.txt.j2"
    file.write_text(template)
    context = alert_context(alert(NORMAL), links=LINKS)
    with pytest.raises(InputError) as caught:
        Renderer(tmp_path).render(context, MAIL)
    assert sentence in str(caught.value)
    if line is not None:
        assert caught.value.location is not None
        assert (caught.value.location.file, caught.value.location.line) == (str(file), line)
    assert Renderer(tmp_path).render(context, SLACK).bodies


@pytest.mark.parametrize(
    "template",
    [
        "[{{ event.get('no.such') }}]",
        "[{{ event['no.such'] }}]",
        "[{{ event.get('no.such') | cut(100) }}]",
        "[{{ event['no.such'] | oneline | unmention }}]",
        "[{{ none }}]",
        "[{{ none | mrkdwn }}]",
        "[{% if event['no.such'] %}there{% endif %}]",
    ],
)
def test_what_an_event_lacks_renders_nothing(tmp_path: Path, template: str) -> None:
    """A template that asks for a field is rendered for events without it, and never shows `None`."""
    (tmp_path / "plain.txt.j2").write_text(template, encoding="utf-8")
    channel = AppriseChannel(name="pager", url=Secret("x"))
    notification = Renderer(tmp_path).render(alert_context(alert(EVENT), links=Links()), channel)
    assert notification.bodies["text/plain"] == "[]"


def test_what_an_event_lacks_is_an_empty_string_in_json(tmp_path: Path) -> None:
    """Slack refuses `null` where it expects a string."""
    template = '{"text": {{ event.get("no.such") | tojson }}, "more": {{ event["no.such"] | tojson }}}'
    (tmp_path / "slack.json.j2").write_text(template, encoding="utf-8")
    channel = SlackChannel(name="chat", webhook_url=Secret("x"))
    notification = Renderer(tmp_path).render(alert_context(alert(EVENT), links=Links()), channel)
    assert json.loads(notification.bodies["application/json"]) == {"text": "", "more": ""}


def test_a_slack_template_that_is_no_json_is_a_fault(tmp_path: Path) -> None:
    """A Slack template must give JSON; the fault says how values are written into it."""
    file = tmp_path / "slack.json.j2"
    file.write_text('{"text": "{{ host }}"\n}}')
    with pytest.raises(InputError, match=r"not JSON: .*tojson") as caught:
        Renderer(tmp_path).render(alert_context(alert(NORMAL), links=LINKS), SLACK)
    assert caught.value.location is not None
    assert caught.value.location.file == str(file)


def test_a_folder_of_templates_must_be_there(tmp_path: Path) -> None:
    """A templates folder that does not exist is said at once."""
    with pytest.raises(InputError, match="is not a folder"):
        Renderer(tmp_path / "missing")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_RENDERER = Renderer()
JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # parts of emoji and of whole scripts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example({"host": "\U00018cd6\u200d\u202e\r\nX: y\ud800"})
@example({"host": {"name": "\U00018cd6"}})
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("host", "user", "process", "process.command_line", "winlog", "event"), _JSON),
    )
)
def test_no_event_keeps_any_channel_from_being_rendered(event: dict[str, Any]) -> None:
    """Whatever an event holds, every channel gets its message, and it can be encoded."""
    context = alert_context(alert(event), links=LINKS)
    for channel in (MAIL, SLACK, SERVICE):
        message = _RENDERER.render(context, channel)
        assert {
            unicodedata.category(character) for character in message.subject if character not in JOINERS
        }.isdisjoint(
            {"Cc", "Cf", "Zl", "Zp", "Cs"}  # unassigned code points are kept: fonts of readers may be newer
        )
        for body in message.bodies.values():
            assert body.encode()


def test_a_template_under_its_former_name_is_refused(tmp_path: Path) -> None:
    """A folder of templates that still says `storm` is named with the file and the new name."""
    (tmp_path / "storm.mail.txt.j2").write_text("x", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Renderer(tmp_path)
    assert str(caught.value).endswith("another name now; rename it to `digest.mail.txt.j2`")
    assert caught.value.location is not None
    assert caught.value.location.file == str(tmp_path / "storm.mail.txt.j2")


def test_templates_of_a_rule_a_channel_and_a_level_take_the_place_of_others(tmp_path: Path) -> None:
    """The rule's comes first, then the channel's, then the level's."""
    context = alert_context(alert(NORMAL), links=LINKS)
    name = "subject.txt.j2"

    def subject() -> str:
        return Renderer(tmp_path).render(context, MAIL).subject

    for folder in (".", "levels/high", f"channels/{MAIL.name}", f"rules/{context.rule.id}"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(f"{folder}: {{{{ rule.level }}}}", encoding="utf-8")
        assert subject() == f"{folder}: high"
    other = replace(context, rule=replace(context.rule, id="../../x", level="low"))
    assert Renderer(tmp_path).render(other, MAIL).subject == f"channels/{MAIL.name}: low"


@pytest.mark.parametrize("template", ["{{ nothing }}", "{% for x in y %}", "{{ 1 // 0 }}"])
def test_a_faulty_template_still_delivers_a_message_that_says_so(tmp_path: Path, template: str) -> None:
    (tmp_path / "mail.txt.j2").write_text(template, encoding="utf-8")
    context = alert_context(alert(NORMAL), links=LINKS)
    renderer = Renderer(tmp_path)
    with pytest.raises(InputError) as fault:
        renderer.render(context, MAIL)
    mail = renderer.render_plainly(context, MAIL, fault.value)
    for body in mail.bodies.values():
        assert "Your template failed, so this is the shipped one" in body
        assert "mail.txt.j2:1" in body
        assert "cmd /c whoami" in body
