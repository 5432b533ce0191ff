"""What messages say about an alert beside its event: its hits, how often its rule fired before, and what to do."""

from __future__ import annotations

from watcher.model import Alert, PriorAlerts
from watcher.notify.escaping import bounded_text
from watcher.notify.joined_texts import joined_rows


def alert_rows(alert: Alert) -> tuple[tuple[str, str], ...]:
    """Return the rows as (label, text)."""
    rows = () if alert.joined is None else joined_rows(alert.joined)
    seen = prior_text(alert.prior, alert.first.summary.host) if alert.prior is not None else ""
    if seen:
        rows += (("Seen", seen),)
    return rows if alert.origin == "test" else (*rows, ("Triage", f"watcher ack {alert.id}"))


def prior_text(prior: PriorAlerts, host: str) -> str:
    """Return how often a rule fired before an alert, as a sentence."""
    if not prior.anywhere:
        return "first alert of this rule here"
    if not host:
        return f"alerts of this rule before: {prior.anywhere:,}"
    name = bounded_text(host, 200)
    if not prior.on_host:
        return f"first alert of this rule on {name}; before, there were {prior.anywhere:,} on other computers"
    if not prior.in_week:
        return f"first alert of this rule on {name} in 7 days; before, there were {prior.on_host:,}"
    return f"{ordinal(prior.in_week + 1)} alert of this rule on {name} in 7 days"


def ordinal(number: int) -> str:
    """Return a number with its ending: 1st, 2nd, 3rd."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number:,}{ending}"
