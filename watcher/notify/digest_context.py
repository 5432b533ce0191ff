"""What the templates of digests may use; `docs/templates.md` is held against the help texts here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watcher.model import Level, RuleMetadata, Window
from watcher.notify.escaping import bounded_text
from watcher.notify.message_context import RuleContext, rule_context
from watcher.timestamps import format_milliseconds

_MAX_LISTED = 50
_HOST_KEY = "host.name="

DigestRules = tuple[tuple[str, Level, int], ...]
"""Title, level and number of alerts of each rule."""


def _help(text: str) -> Any:
    return field(metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRuleContext:
    """What templates may use of each rule of a digest of several."""

    title: str
    level: str
    count: int  # of its alerts in the digest


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestCount:
    """A level, group key or host with the number of its alerts."""

    text: str
    count: int
    field: str = ""  # of a group key: the name before the `=`


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContext:
    """What the `digest.*` templates may use: one message about many alerts."""

    rule: RuleContext = field(
        metadata={
            "help": "the rule that matched so often, see below; of several its `id` is empty, `title` their number"
        }
    )
    rules: tuple[DigestRuleContext, ...] = _help(
        "where there are several, each with `.title`, `.level` and `.count`, at most 50, the highest level first"
    )
    more_rules: int = _help("how many further ones there are, which `rules` does not list")
    levels: tuple[DigestCount, ...] = _help(
        "the levels of several rules, each with `.text` and `.count` of its alerts, the highest first"
    )
    count: int = _help("how many further alerts there are")
    since: str = _help("when the first of them happened, in UTC, ISO 8601")
    until: str = _help("when the last of them happened, in UTC, ISO 8601")
    keys: tuple[str, ...] = _help(
        "what they are about, e.g. the hosts, each once, at most 50: those of the highest level first, then of the "
        "newest alerts, then the rarest"
    )
    more_keys: int = _help("how many further ones there are, which `keys` does not list")
    about: tuple[DigestCount, ...] = _help("`keys`, each with `.text`, its `.field` and `.count` of its alerts")
    hosts: tuple[DigestCount, ...] = _help(
        "the hosts, each with `.text` and `.count` of its alerts, at most 50; empty where `keys` are the hosts"
    )
    more_hosts: int = _help("how many further ones there are, which `hosts` does not list")
    reason: str = _help("why they are in one message; may be empty")
    alert_id: str = _help("the id of this digest")


def digest_context(  # noqa: PLR0913 - each is a part of the message
    rule: RuleMetadata,
    *,
    digest: str,
    count: int,
    window: Window,
    keys: Sequence[str],
    key_count: int = 0,
    key_counts: Mapping[str, int] | None = None,
    rules: DigestRules = (),
    hosts: Sequence[tuple[str, int]] = (),
    host_count: int = 0,
    reason: str = "",
) -> DigestContext:
    """Return what templates may use of many alerts; `key_count` and `host_count` are how many there are."""
    several = rules if len(rules) > 1 else ()
    listed = tuple(dict.fromkeys(keys))[:_MAX_LISTED]
    texts = tuple(bounded_text(key, 200) for key in listed)
    shown_hosts = () if all(key.startswith(_HOST_KEY) for key in keys) else hosts[:_MAX_LISTED]
    return DigestContext(
        rule=_several_rules(several) if several else rule_context(rule),
        rules=tuple(
            DigestRuleContext(title=bounded_text(title, 200), level=level.value, count=alerts)
            for title, level, alerts in several[:_MAX_LISTED]
        ),
        more_rules=max(0, len(several) - _MAX_LISTED),
        levels=_levels(several),
        count=count,
        since=format_milliseconds(window.start),
        until=format_milliseconds(window.end),
        keys=texts,
        more_keys=max(key_count, len(dict.fromkeys(keys))) - len(listed),
        about=tuple(
            DigestCount(text=text, count=(key_counts or {}).get(key, 1), field=_field(text))
            for key, text in zip(listed, texts, strict=True)
        ),
        hosts=tuple(DigestCount(text=bounded_text(host, 200), count=alerts) for host, alerts in shown_hosts),
        more_hosts=max(host_count, len(hosts)) - len(shown_hosts) if shown_hosts else 0,
        reason=reason,
        alert_id=digest,
    )


def _field(key: str) -> str:
    """Return the field of a group key as its alert holds it, `field=value`; empty where it has none."""
    name, sign, _ = key.partition("=")
    return name.strip() if sign else ""


def _levels(rules: DigestRules) -> tuple[DigestCount, ...]:
    counts: Counter[Level] = Counter()
    for _, level, alerts in rules:
        counts[level] += alerts
    highest_first = sorted(counts, key=lambda level: -level.rank)
    return tuple(DigestCount(text=level.value, count=counts[level]) for level in highest_first)


def _several_rules(rules: DigestRules) -> RuleContext:
    """Return what templates may use in the place of one rule."""
    return RuleContext(
        title=f"{len(rules):,} rules",
        id="",
        level=max((level for _, level, _ in rules), key=lambda level: level.rank).value,
        status="",
        description="",
        author="",
        tags=(),
        techniques=(),
        tactics=(),
        references=(),
        falsepositives=(),
        path="",
    )
