"""The EventSource and State ports on Elasticsearch and OpenSearch."""
