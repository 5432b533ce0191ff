"""Parsing and formatting of timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAYOUT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"  # Winlogbeat's
_PLAIN = re.compile(_LAYOUT).fullmatch
_ALL_PLAIN = re.compile(rf"(?:{_LAYOUT}\n)*+").fullmatch


def milliseconds(moment: datetime) -> int:
    """Return the milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_at(since_1970: float) -> datetime:
    """Return the moment of some milliseconds since 1970, in UTC."""
    return _EPOCH + timedelta(milliseconds=since_1970)


def parse_timestamp(text: str) -> datetime | None:
    """Parse ISO 8601 or milliseconds since 1970; UTC without a time zone; None if the text is neither."""
    stripped = text.strip()
    try:
        if stripped[4:5] != "-" and stripped.lstrip("-").isdigit() and len(stripped) > 8:
            return datetime.fromtimestamp(int(stripped) / 1000, UTC)
        moment = datetime.fromisoformat(stripped)  # of a fraction it takes six digits, and ignores the others
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def latest_timestamp(texts: Iterable[str]) -> datetime | None:
    """Return the latest of some timestamps; None if no text is one."""
    different = tuple(dict.fromkeys(texts))
    if len(different) == 1:
        return parse_timestamp(different[0])
    moments = map(parse_timestamp, different)
    return max((moment for moment in moments if moment is not None), default=None)


def earliest_and_latest(texts: Sequence[str]) -> tuple[datetime | None, datetime | None]:
    """Return the earliest and the latest of some timestamps; None if no text is one.

    Texts in the layout of Winlogbeat are ordered as they stand, and only the first and the last are parsed.
    """
    if texts and _ALL_PLAIN("\n".join((*texts, ""))):
        earliest, latest = parse_timestamp(min(texts)), parse_timestamp(max(texts))
        if earliest is not None and latest is not None:
            return earliest, latest
    ordered: list[str] = []
    others: list[str] = []
    for text in texts:
        (ordered if _PLAIN(text) else others).append(text)
    ordered.sort()
    plain = (_first_moment(ordered), _first_moment(reversed(ordered)))
    moments = [moment for moment in (*plain, *map(parse_timestamp, others)) if moment is not None]
    return min(moments, default=None), max(moments, default=None)


def _first_moment(texts: Iterable[str]) -> datetime | None:
    moments = map(parse_timestamp, texts)
    return next((moment for moment in moments if moment is not None), None)


def parse_zoned_timestamp(text: str) -> datetime | None:
    """Parse ISO 8601 that names its time zone; None if it names none; raises ValueError if it is no timestamp."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else None


def format_timestamp(moment: datetime) -> str:
    """Return a timestamp in UTC with milliseconds, or microseconds if it has them."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds" if utc.microsecond % 1000 else "milliseconds") + "Z"


def format_milliseconds(moment: datetime) -> str:
    """Return a timestamp in UTC, cut to milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def format_since_1970(at: int) -> str:
    """Return the timestamp of some milliseconds since 1970, in UTC."""
    return format_milliseconds(moment_at(at))


def read_timestamp(value: object) -> datetime:
    """Parse a timestamp of the state; raises ValueError if it is invalid."""
    moment = parse_timestamp(str(value))
    if moment is None:
        raise ValueError(f"`{value}` in the state is not a timestamp")
    return moment


def timestamp_part(text: str, part: str) -> int | None:
    """Return one part of a timestamp in UTC: `minute`, `hour`, `day` of month, ISO `week`, `month` or `year`."""
    moment = parse_timestamp(text)
    if moment is None:
        return None
    parts = {
        "minute": moment.minute,
        "hour": moment.hour,
        "day": moment.day,
        "week": moment.isocalendar().week,
        "month": moment.month,
        "year": moment.year,
    }
    return parts[part]
