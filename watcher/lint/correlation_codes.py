"""Finding codes of correlation rules and aggregations."""

from __future__ import annotations

from watcher.model import Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO  # letters keep the table compact

CORRELATIONS = (
    ("converted-aggregation", _W, "A former aggregation is read as a correlation; the finding shows the new form.", ""),
    ("refused-aggregation", _E, "An aggregation has no `timeframe`, or is not one of Sigma.", ""),
    ("correlation-type", _E, "The type of a correlation is missing or unknown.", ""),
    (
        "correlation-rules",
        _E,
        "A correlation names no rule, or a temporal one a single rule.",
        "sigmahq_correlation_rules_minimum",
    ),
    ("correlation-timespan", _E, "The time span of a correlation is missing, zero or spelled otherwise.", ""),
    ("correlation-condition", _E, "The condition of a correlation is missing or invalid.", ""),
    ("correlation-groups", _E, "The listed groups of an absence do not fit its `group-by`.", ""),
    ("correlation-aliases", _E, "An alias of a correlation names no field.", ""),
    (
        "correlation-group-by",
        _I,
        "A correlation has no `group-by`, so that all events are one group.",
        "sigmahq_correlation_group_by_existence",
    ),
    ("correlation-generate", _W, "`generate` is neither true nor false.", ""),
    ("correlation-dialect", _W, "A correlation is written in a former or foreign form, which is read.", ""),
    ("correlation-reference", _E, "A correlation refers to an unknown, an ambiguous or a faulty rule.", ""),
    ("correlation-cycle", _E, "A correlation refers to itself, directly or through others.", ""),
    ("correlation-repeated", _W, "A correlation names a rule twice; it counts once.", ""),
    ("correlation-by-title", _W, "A correlation names a rule by its title, by its file, or in other case.", ""),
    ("correlation-unused", _W, "A part of a correlation has no effect.", ""),
    ("correlation-field", _W, "A field of a correlation is in no event of a base rule's log source.", ""),
    ("correlation-never", _W, "The condition of a correlation can never hold.", ""),
    ("correlation-always", _I, "The condition of a correlation holds at every hit of a base rule.", ""),
    ("correlation-disabled-rule", _I, "A base rule is disabled; it is run for the correlation all the same.", ""),
)
