"""Finding codes about metadata: title, author, dates, references, file name and tags."""

from __future__ import annotations

from watcher.model import Severity

_W, _I = Severity.WARNING, Severity.INFO  # letters keep the table compact

ABOUT = (
    ("missing-author", _I, "The rule has no author.", "sigmahq_author_existence"),
    ("missing-date", _I, "The rule has no date.", "sigmahq_date_existence"),
    ("missing-description", _I, "The rule has no description.", "sigmahq_description_existence"),
    ("missing-status", _I, "The rule has no status.", "sigmahq_status_existence"),
    ("status-not-watched", _I, "Rules of this status are not run unless enabled in settings.", "sigmahq_status"),
    (
        "status-too-new",
        _I,
        "Status is `stable` or `test`, but the rule is less than 60 days old.",
        "sigmahq_status_to_high",
    ),
    ("description-length", _I, "The description is very short.", "sigmahq_description_length"),
    (
        "description-link",
        _I,
        "The description contains a link, which belongs in `references`.",
        "sigmahq_link_in_description",
    ),
    ("title-length", _I, "The title is too long for a mail subject.", "sigmahq_title_length"),
    ("title-start", _I, "The title starts with `Detect`.", "sigmahq_title_start"),
    ("title-end", _I, "The title ends with a full stop.", "sigmahq_title_end"),
    ("title-case", _I, "A word of the title starts with a lower-case letter.", "sigmahq_title_case"),
    ("modified-before-date", _I, "The rule was modified before it was written.", "sigmahq_modified_date_order"),
    (
        "modified-without-date",
        _I,
        "The rule has `modified` but no `date`.",
        "sigmahq_modified_without_date",
    ),
    ("modified-same-day", _I, "`modified` equals `date`.", "sigmahq_redundant_modified"),
    ("fields-key", _I, "`fields` is deprecated.", "sigmahq_fields_existence"),
    ("custom-key", _I, "A key is not a Sigma key.", "sigmahq_unknown_field"),
    ("duplicate-reference", _I, "A reference appears twice.", "duplicate_references"),
    ("link-branch", _I, "A link to GitHub names a branch, whose contents change.", "sigmahq_github_link"),
    ("link-mitre", _I, "A link points to ATT&CK; tags are meant for that.", "sigmahq_mitre_link"),
    (
        "falsepositive-capital",
        _I,
        "A false positive starts with a lower-case letter.",
        "sigmahq_falsepositives_capital",
    ),
    (
        "falsepositive-word",
        _I,
        "`None` and `pentest` are not useful false positives.",
        "sigmahq_falsepositives_banned_word",
    ),
    ("falsepositive-typo", _I, "A word of a false positive is misspelled.", "sigmahq_falsepositives_typo_word"),
    (
        "file-name",
        _I,
        "The file name is not 10 to 90 lower-case letters, digits and `_`.",
        "filename_length sigmahq_filename_convention",
    ),
    (
        "file-prefix",
        _I,
        "The file name lacks the prefix of Sigma's rules for the log source.",
        "sigmahq_filename_prefix",
    ),
    ("related-type", _W, "A relation type is unknown.", ""),
)

TAGS = (
    ("tag-form", _W, "A tag contains a character that is not allowed.", "tag_format"),
    ("tag-namespace", _I, "The namespace of a tag is unknown.", "namespace_tag"),
    (
        "tag-pattern",
        _W,
        "A tag does not have the form of its namespace.",
        "cvetag cartag stptag d3_fendtag detection_tag tlptag tlpv1_tag tlpv2_tag",
    ),
    ("tag-attack", _W, "ATT&CK has no such tactic or technique.", "attacktag"),
    (
        "tag-tactic-missing",
        _I,
        "A technique is tagged without any of its tactics.",
        "sigmahq_tags_techniques_without_tactics",
    ),
    ("tag-twice", _I, "A tag appears twice.", "duplicate_tag"),
    (
        "tag-detection",
        _I,
        "Several `detection` tags, or none that fits the rule's folder.",
        "sigmahq_tags_unique_detection sigmahq_tags_detection",
    ),
    (
        "tag-tlp",
        _I,
        "Several TLP levels, or one that restricts sharing.",
        "sigmahq_tags_unique_tlp sigmahq_tags_tlp",
    ),
)
