"""The ports to events and state on Elasticsearch and OpenSearch."""
