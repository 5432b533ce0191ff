"""The index template of a local engine: mapped as Winlogbeat maps unknown fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEMPLATE: Mapping[str, Any] = {
    "index_patterns": ["winlogbeat-*"],
    "priority": 150,
    "template": {
        "settings": {"index": {"number_of_shards": 1, "number_of_replicas": 0}},
        "mappings": {
            "date_detection": False,
            "dynamic_templates": [
                {
                    "event_data": {
                        "path_match": "winlog.event_data.*",
                        "match_mapping_type": "string",
                        "mapping": {"type": "keyword"},
                    }
                },
                {
                    "strings_as_keyword": {
                        "match_mapping_type": "string",
                        "mapping": {"type": "keyword", "ignore_above": 1024},
                    }
                },
            ],
            "properties": {"@timestamp": {"type": "date"}, "message": {"type": "text"}},
        },
    },
}
