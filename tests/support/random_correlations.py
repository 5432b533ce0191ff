"""Random correlations, base hits and deliveries from seeds: small alphabets, so that groups and times collide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from random import Random

from support.correlation_reference import COUNTS, TEMPORAL, holds
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import (
    EXTENSION_TYPES,
    AllOf,
    AnyOf,
    ComparisonOperator,
    Correlation,
    CorrelationType,
    NoneOf,
    NumericComparison,
    RuleCondition,
    RuleName,
)

EVENT_RULES = ("failed", "login", "scan", "install")
NAMES = ("user", "host", "account")  # the last one is an alias where the correlation has aliases
TEXTS = ("alice", "Alice", "ALICE", "bob", "Bob", "straße", "STRASSE", "ﬃ", "ffi", "")
DECIMALS = ("0", "1", "2", "3", "0.1", "0.2", "0.3", "-1", "1.5", "2.50", "10")
SPELLINGS = ("+1", "01", "1.0", "0x1", "0X0a", "-0.0", "-2", "1e3", "NaN", "Infinity", "n/a", "1_0", "")
MILLISECOND = timedelta(milliseconds=1)
START = 1_750_000_000_000  # in milliseconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Base hits that arrive together, with late ones and repeated ones, once `until` is searched."""

    until: int
    base_hits: tuple[BaseHit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Correlations in any order, all base hits in any order, and the same base hits as deliveries."""

    correlations: tuple[Correlation, ...]
    base_hits: tuple[BaseHit, ...]
    deliveries: tuple[Delivery, ...]
    end: int


def scenario(seed: int | str, *, longest_chain: int = 1) -> Scenario:
    """Return the scenario of a seed, with a chain of at most so many correlations."""
    random = Random(seed)  # noqa: S311 - reproducible inputs, no secrets
    span = timedelta(milliseconds=random.choice((2, 10, 1_000, 60_000, 300_000)))
    correlations = [random_correlation(random, "level-0", EVENT_RULES, span)]
    for level in range(1, random.randint(1, longest_chain)):
        base_rules = (correlations[-1].rule_id, *random.sample(EVENT_RULES, 2))
        correlations.append(random_correlation(random, f"level-{level}", base_rules, span * random.randint(1, 2)))
    rules = (*EVENT_RULES, *correlations[0].base_rules * 3)
    base_hits = random_base_hits(random, rules, span // MILLISECOND, random.randint(1, 14))
    last = max(hit.time for hit in base_hits)
    end = last + random.choice((0, 1, span // MILLISECOND - 1, span // MILLISECOND, span // MILLISECOND * 4))
    deliveries = random_deliveries(random, base_hits, end)
    shuffled = random.sample(base_hits, len(base_hits))
    random.shuffle(correlations)
    return Scenario(correlations=tuple(correlations), base_hits=tuple(shuffled), deliveries=deliveries, end=end)


def random_correlation(random: Random, rule_id: str, rules: Sequence[str], timespan: timedelta) -> Correlation:
    """Return a correlation of any type over one to three of the rules; the first rule is always among them."""
    kind = random.choice(tuple(CorrelationType))
    size = random.randint(2 if kind in TEMPORAL else 1, 3)
    base_rules = (rules[0], *random.sample(rules[1:], size - 1))
    shape = random.choice(("all", "count", "boolean", "boolean")) if kind in TEMPORAL else "count"
    if kind in EXTENSION_TYPES:
        shape = "extension"
    plain = Correlation(
        rule_id=rule_id,
        type=kind,
        base_rules=tuple(random.sample(base_rules, size)),
        timespan=timespan,
        group_by=tuple(random.sample(NAMES, random.choice((0, 1, 1, 1, 2)))),
        comparisons=_comparisons(random, kind, shape),
        fields=_fields(random, kind),
        percentile=random.choice(PERCENTILES) if kind is CorrelationType.VALUE_PERCENTILE else None,
        aliases=_aliases(random, base_rules),
        windows=random.randint(1, 4) if kind is CorrelationType.SPIKE else 0,
        minimum=random.randint(1, 3) if kind is CorrelationType.SPIKE else 0,
    )
    return replace(plain, boolean=random_condition(random, plain.base_rules)) if shape == "boolean" else plain


PERCENTILES = tuple(Decimal(text) for text in ("0", "25", "33.4", "50", "90", "99.9", "100"))


def _comparisons(random: Random, kind: CorrelationType, shape: str) -> tuple[NumericComparison, ...]:
    if kind is CorrelationType.SPIKE:
        operator = random.choice((ComparisonOperator.GT, ComparisonOperator.GTE))
        return (NumericComparison(operator=operator, value=Decimal(random.choice(("0.5", "1", "1.5", "2", "3")))),)
    return random_comparisons(random, kind) if shape == "count" else ()


def _fields(random: Random, kind: CorrelationType) -> tuple[str, ...]:
    if kind in (CorrelationType.VALUE_COUNT, CorrelationType.NEW_VALUE):
        return random.choice((("port",), ("account",), ("port", "account"), ("bytes",)))
    return () if kind in COUNTS else ("bytes",)


def _aliases(random: Random, base_rules: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the alias of an account: a field of its own for each rule; a rule that it lacks has the field itself."""
    fields = {rule_id: random.choice(("subject", "target")) for rule_id in base_rules if random.random() < 0.8}
    return {"account": fields} if random.random() < 0.7 else {}


def random_comparisons(random: Random, kind: CorrelationType) -> tuple[NumericComparison, ...]:
    """Return a comparison, sometimes two different ones as a range; counts are compared with 0 often enough."""
    numbers = ("0", "0", "1", "1", "2", "2", "3", "1.5") if kind in COUNTS else (*DECIMALS, "0.6", "-3")
    while True:
        operators = random.sample(tuple(ComparisonOperator), random.choice((1, 1, 1, 2)))
        comparisons = tuple(NumericComparison(operator=op, value=Decimal(random.choice(numbers))) for op in operators)
        if any(all(comparison.holds(Decimal(number)) for comparison in comparisons) for number in numbers):
            return comparisons


def random_condition(random: Random, rules: Sequence[str]) -> RuleCondition:
    """Return a boolean condition that can hold, and that needs at least one event, as the reader demands."""
    while True:
        condition = _condition(random, rules, 3)
        if random.random() < 0.5:
            condition = AllOf((condition, NoneOf(RuleName(random.choice(rules)))))
        if holds(condition, rules, ()) and not holds(condition, (), ()):
            return condition


def _condition(random: Random, rules: Sequence[str], depth: int) -> RuleCondition:
    shape = random.choice(("name", "all", "all", "any", "none")) if depth else "name"
    if shape == "name":
        return RuleName(random.choice(rules))
    if shape == "none":
        return NoneOf(_condition(random, rules, depth - 1))
    parts = tuple(_condition(random, rules, depth - 1) for _ in range(random.randint(2, 3)))
    return AllOf(parts) if shape == "all" else AnyOf(parts)


def random_base_hits(random: Random, rules: Sequence[str], span: int, count: int) -> list[BaseHit]:
    """Return base hits of the rules, whose times differ by about a timespan, by a millisecond, or not at all."""
    times, base_hits, alphabet = [START], list[BaseHit](), TEXTS[: random.choice((1, 2, 3, 4, len(TEXTS)))]
    while len(base_hits) < count:
        steps = (
            0,
            0,
            1,
            span // 2,
            span - 1,
            span,
            span + 1,
            2 * span,
            2 * span + 1,
            -1,
            -span,
            random.randint(0, span),
        )
        times.append(random.choice(times) + random.choice(steps))
        event, values = f"event-{len(base_hits)}", _values(random, alphabet)
        for rule_id in dict.fromkeys(
            random.choices(rules, k=random.choice((1, 1, 2)))
        ):  # two rules may match one event
            base_hits.append(BaseHit(rule_id=rule_id, hit_id=event, time=times[-1], values=values))
    return base_hits


def _values(random: Random, texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return values of an event: a field may be missing, empty, or have several values."""
    values = {}
    for field in ("user", "host", "account", "subject", "target", "port", "bytes"):
        alphabet = texts if field != "bytes" else (*DECIMALS, *random.choice(((), (), SPELLINGS)))
        if random.random() < 0.92:
            values[field] = tuple(random.choices(alphabet, k=random.choice((1, 1, 1, 1, 1, 2, 0, 3))))
    return values


def random_deliveries(random: Random, base_hits: Sequence[BaseHit], end: int) -> tuple[Delivery, ...]:
    """Return deliveries in the order of their times; some hits come late, some twice; the last one reaches `end`."""
    times = sorted({hit.time for hit in base_hits})
    cuts = sorted({*random.sample(times, random.randint(0, min(4, len(times)))), end})
    arriving: list[list[BaseHit]] = [[] for _ in cuts]
    for hit in base_hits:
        due = next(number for number, cut in enumerate(cuts) if hit.time <= cut)
        late = random.randrange(due, len(cuts)) if random.random() < 0.2 else due
        arriving[late].append(hit)
        if random.random() < 0.15:
            arriving[random.randrange(late, len(cuts))].append(hit)
    return tuple(
        Delivery(until=cut, base_hits=tuple(random.sample(hits, len(hits))))
        for cut, hits in zip(cuts, arriving, strict=True)
    )
