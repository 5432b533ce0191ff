"""How often a rule fired before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorAlerts:
    """How many alerts of the same rule were opened before an alert, as far back as the state goes."""

    anywhere: int
    on_host: int  # of the same computer
    in_week: int  # of the same computer, in the seven days before
