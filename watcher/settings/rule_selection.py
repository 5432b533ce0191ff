"""The settings of rules: their folders, the selectors, and the findings that are allowed."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from watcher.settings.annotations import AnyKeyOf, Checked, InvalidValueError, NonEmpty, Option, unique_names
from watcher.settings.formats import (
    AnyPath,
    Boolean,
    Line,
    Lines,
    Name,
    PositiveDuration,
    RuleLevel,
    RuleStatus,
    SomeLines,
    WebAddress,
)

_SETS_NOTHING = AnyKeyOf(
    keys=("set",),
    message="sets nothing",
    fix="give at least one of `enabled`, `group_by`, `quiet_period`, `channels` under `set`",
    code="missing-key",
)
_EMPTY_SET = AnyKeyOf(
    keys=("enabled", "group_by", "quiet_period", "channels"),
    message="is empty",
    fix="give at least one of `enabled`, `group_by`, `quiet_period`, `channels`",
    code="missing-key",
)
_EVENT = "event"  # in `group_by`: every hit is an alert


def _check_group_by(fields: tuple[str, ...]) -> None:
    if _EVENT in fields and len(fields) > 1:
        raise InvalidValueError(
            "`event` makes every hit an alert and cannot be combined with fields", "remove it or the fields"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of rules."""

    name: Annotated[
        Name,
        Option(
            "selectors and the ids of rules without an `id` use it; left out: the last part of the path",
            default="last part of the path",
            example="own",
        ),
    ]
    path: Annotated[AnyPath, Option("the folder", example="rules")]
    corpus: Annotated[
        Line,
        Option(
            "label under which the [catalogue](catalogue.md) counts its rules; several folders may have the same; "
            "left out: its name",
            example="own",
        ),
    ] = ""
    repository: Annotated[
        WebAddress,
        Option("address of the rules' repository, for the catalogue", example="https://git.example/detections"),
    ] = ""
    files: Annotated[
        WebAddress,
        Option(
            "address to which a rule's path is appended to show its file, for the catalogue",
            example="https://git.example/detections/src/main/rules",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCriteria:
    """Which rules an entry of settings applies to: all criteria must match."""

    line: int  # in the settings file; 0: a default
    folder: Annotated[SomeLines, Option("name of a folder of rules", example="own")] = ()
    id: Annotated[SomeLines, Option("id of a rule", example="5f0f9b6a-3f0e-4c3c-9a55-2f0f6e1f0a11")] = ()
    tag: Annotated[SomeLines, Option("tag of a rule", example="attack.t1059.001")] = ()
    level: Annotated[
        tuple[RuleLevel, ...],
        NonEmpty(),
        Option("`informational`, `low`, `medium`, `high` or `critical`", example="[high, critical]"),
    ] = ()
    status: Annotated[
        tuple[RuleStatus, ...],
        NonEmpty(),
        Option("`stable`, `test`, `experimental`, `deprecated` or `unsupported`", example="[stable, test]"),
    ] = ()
    author: Annotated[SomeLines, Option("the author line", example='"*Example*"')] = ()
    path: Annotated[SomeLines, Option("glob pattern of the path within the folder", example='"windows/**"')] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What a selector sets for its rules; None: it leaves the value as it is."""

    enabled: Annotated[Boolean | None, Option("whether the rules are run", example="true")] = None
    group_by: Annotated[
        Lines | None,
        Checked(_check_group_by),
        Option(
            "fields whose values separate alerts, by their paths or Sigma names (`host.name`, the computer that wrote "
            "the event, where nothing is set); `event` makes every hit an alert; `[]` makes one alert of all hits",
            example="[host.name]",
        ),
    ] = None
    quiet_period: Annotated[
        PositiveDuration | None,
        Option("how long further hits join the alert (`1h` where nothing is set)", example="1h"),
    ] = None
    channels: Annotated[
        Lines | None,
        Option(
            "channels that get the alerts; `[]` for none. A channel that a selector names gets only the alerts of such "
            "selectors; where nothing is set, alerts go to the channels that no selector names",
            example="[mail, slack]",
        ),
    ] = None

    checks: ClassVar[tuple[AnyKeyOf, ...]] = (_EMPTY_SET,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector(RuleCriteria):
    """The rules that an entry of settings selects, and what it sets for them."""

    set: Annotated[RuleOptions, Option("what is set for these rules")] = RuleOptions()

    checks: ClassVar[tuple[AnyKeyOf, ...]] = (_SETS_NOTHING,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance(RuleCriteria):
    """Findings of `watcher check` that are accepted."""

    code: Annotated[SomeLines, Option("codes of findings, glob patterns too", example="[title-case, file-*]")]
    reason: Annotated[
        Line,
        Option(
            "why they are accepted; shown in reports", example="kept as their author wrote them", formerly="because"
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSelection:
    """Which rules are read, and how they are run."""

    folders: Annotated[
        tuple[Folder, ...],
        Checked(unique_names("give each a name: `{name: own, path: …}`")),
        Option(
            "folders of Sigma rules, each a path, or a name and a path; `shipped` adds the rules that come with "
            "watcher (their folder is named `watcher`); left out: these rules alone; of rules with the same id, that "
            "of the later folder is run"
        ),
    ] = ()
    select: Annotated[
        tuple[Selector, ...],
        Option(
            "selectors: where all criteria of a selector match a rule, its `set` applies; the later one wins. "
            "Default: rules of level `medium` and above that are not `deprecated` or `unsupported`, every channel that "
            "no selector names"
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """Which findings of `watcher check` are accepted."""

    allow: Annotated[
        tuple[Allowance, ...],
        Option("findings that are accepted: all criteria must match; `code`, `author` and `path` take glob patterns"),
    ] = ()
