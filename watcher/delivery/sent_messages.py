"""The single messages that a channel got lately: what its limits are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from watcher.delivery.deliveries import Delivery, GroupKeyTexts, key_of, level_of, levels_from
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.rate_limit import RateLimit, Reason, SentCounts, message_form
from watcher.model import Level
from watcher.ports import StoredDocument

_ANY_LEVEL = ""
_LEVELS = (*Level, _ANY_LEVEL)


@dataclass(slots=True, kw_only=True)
class SentMessages:
    """Counts the single messages of a channel, those of the current round included.

    The counts of a rule are read before the first message of the rule is added. No more is read than the limits need.
    """

    channel: str
    queries: DeliveryQueries
    limit: RateLimit
    since: datetime
    _levels: Counter[str] = field(default_factory=Counter)  # level → messages of it and of higher levels
    _rules: dict[str, Counter[GroupKeyTexts]] = field(default_factory=dict)  # rule id → messages by group key

    def read_levels(self) -> None:
        """Read how many messages of each level and of higher ones were sent."""
        if self.limit.messages is None:
            return
        newest = [level_of(stored) for stored in self._sent(_ANY_LEVEL, self.limit.messages)]
        for level in _LEVELS:
            levels = newest
            if len(newest) == self.limit.messages:  # there may be more, of which none was read
                levels = [level_of(stored) for stored in self._sent(level, self.limit.messages)]
            self._levels[level] = sum(_counts_for(level, sent) for sent in levels)

    def add(self, delivery: Delivery) -> Reason:
        """Return whether an alert is a message of its own, by the reason; if so, it is counted."""
        in_digest = bool(delivery.digest_id)
        reason = message_form(delivery.level, self._counts(delivery), self.limit, is_in_digest=in_digest)
        if reason.is_single:
            self._levels.update(level for level in _LEVELS if _counts_for(level, delivery.level))
            self._count_rule(delivery)
        return reason

    def _counts(self, delivery: Delivery) -> SentCounts:
        of_level = self._levels[delivery.level]
        is_full = self.limit.messages is not None and of_level >= self.limit.messages
        if is_full or delivery.level == Level.CRITICAL:
            return SentCounts(of_level=of_level)  # what the rule sent changes nothing
        by_key = self._of_rule(delivery.rule)
        return SentCounts(of_key=by_key[delivery.key], of_rule=by_key.total(), of_level=of_level)

    def _of_rule(self, rule: str) -> Counter[GroupKeyTexts]:
        if rule not in self._rules:
            most = max(self.limit.limit, 1)
            singles = self.queries.sent_singles(self.channel, since=self.since, most=most, rule=rule)
            self._rules[rule] = Counter(map(key_of, singles))
        return self._rules[rule]

    def _count_rule(self, delivery: Delivery) -> None:
        if delivery.rule in self._rules:
            self._rules[delivery.rule][delivery.key] += 1

    def _sent(self, level: str, most: int) -> Iterable[StoredDocument]:
        return self.queries.sent_singles(self.channel, since=self.since, most=most, levels=levels_from(level))


def _counts_for(level: str, sent: str) -> bool:
    """Whether a message of one level counts against the limit of another: of the same, or of a lower one."""
    return level == _ANY_LEVEL or sent in levels_from(level)
