"""The Events and State doors: Elasticsearch, OpenSearch, and the embedded local node."""
