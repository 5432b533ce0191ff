"""The single messages that a channel got lately: what its limits are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watcher.delivery.deliveries import Delivery, GroupKeyTexts, levels_from
from watcher.delivery.delivery_queries import DeliveryQueries, of_key, of_levels, of_rule
from watcher.delivery.rate_limit import RateLimit, Reason, SentCounts, message_form
from watcher.model import Level, Query


@dataclass(slots=True, kw_only=True)
class SentMessages:
    """Counts the single messages of a channel, those of the current round included.

    What was sent before is read when it is first needed, and no more of it than the limits need.
    """

    channel: str
    queries: DeliveryQueries
    limit: RateLimit
    since: datetime
    _round: list[Delivery] = field(default_factory=list)  # single messages of this round
    _levels: dict[str, int] = field(default_factory=dict)  # level → messages of it and of higher levels
    _rules: dict[str, int] = field(default_factory=dict)  # rule id → messages
    _keys: dict[tuple[str, GroupKeyTexts], int] = field(default_factory=dict)  # the same by level and group key

    def add(self, delivery: Delivery) -> Reason:
        """Return whether an alert is a message of its own, by the reason; if so, it is counted."""
        in_digest = bool(delivery.digest_id)
        reason = message_form(delivery.level, self._counts(delivery), self.limit, is_in_digest=in_digest)
        if reason.is_single:
            self._count(delivery)
        return reason

    def _counts(self, delivery: Delivery) -> SentCounts:
        """Return the counts that matter: a limit that is reached, or an exemption, spares the other searches."""
        limit = self.limit
        if delivery.level == Level.CRITICAL or delivery.digest_id:
            return SentCounts()
        of_level = 0 if limit.messages is None else self._of_level(delivery.level, limit.messages)
        if limit.messages is not None and of_level >= limit.messages:
            return SentCounts(of_level=of_level)
        rule = self._of_rule(delivery.rule)
        if limit.per_key is None or rule >= limit.limit or not delivery.key:
            return SentCounts(of_rule=rule, of_level=of_level)
        by_key = self._of_key(delivery.level, delivery.key, limit.per_key)
        return SentCounts(of_key=by_key, of_rule=rule, of_level=of_level)

    def _of_level(self, level: str, most: int) -> int:
        if level not in self._levels:
            before = self._sent(of_levels(levels_from(level)), most)
            self._levels[level] = before + sum(_counts_for(level, sent) for sent in self._round)
        return self._levels[level]

    def _of_rule(self, rule: str) -> int:
        if rule not in self._rules:
            before = self._sent(of_rule(rule), self.limit.limit)
            self._rules[rule] = before + sum(sent.rule == rule for sent in self._round)
        return self._rules[rule]

    def _of_key(self, level: str, key: GroupKeyTexts, most: int) -> int:
        if (level, key) not in self._keys:
            before = self._sent((*of_levels(levels_from(level)), *of_key(key)), most)
            in_round = sum(sent.key == key and _counts_for(level, sent) for sent in self._round)
            self._keys[level, key] = before + in_round
        return self._keys[level, key]

    def _sent(self, filters: Sequence[Query], most: int) -> int:
        """Count messages of before this round: those of this round may be searchable already, or not yet."""
        in_round = {sent.alerts[0].id for sent in self._round}
        singles = self.queries.sent_singles(self.channel, filters, since=self.since, most=most + len(in_round))
        return sum(stored.id not in in_round for stored in singles)

    def _count(self, delivery: Delivery) -> None:
        self._round.append(delivery)
        for level in self._levels:
            self._levels[level] += _counts_for(level, delivery)
        if delivery.rule in self._rules:
            self._rules[delivery.rule] += 1
        for level, key in self._keys:
            self._keys[level, key] += key == delivery.key and _counts_for(level, delivery)


def _counts_for(level: str, sent: Delivery) -> bool:
    """Whether a message counts against the limit of a level: one of the same level or a higher one."""
    levels = levels_from(level)
    return not levels or sent.level in levels
