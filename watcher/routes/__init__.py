"""Routes: which alerts go to which channels, by labels of the alert and the time.

The API for silences and other users of matchers:

- `alert_labels(alert)` and `rule_labels(rule)` return the labels of an alert, and those that its rule alone decides.
- `parse_matchers(text)` reads Alertmanager's syntax: `level=~"high|critical", host!="DC01"`.
- `all_match(matchers, labels)` decides about an alert, `may_match(matchers, labels)` about a rule.
"""

from watcher.routes.label_matchers import LabelMatcher, Matchers, MatchOperator, all_match, equality_matchers, may_match
from watcher.routes.labels import RULE_LABELS, Labels, alert_labels, rule_labels
from watcher.routes.matcher_syntax import MatcherError, parse_matchers

__all__ = [
    "RULE_LABELS",
    "LabelMatcher",
    "Labels",
    "MatchOperator",
    "MatcherError",
    "Matchers",
    "alert_labels",
    "all_match",
    "equality_matchers",
    "may_match",
    "parse_matchers",
    "rule_labels",
]
