"""Sigma's log sources and fields, as Winlogbeat ships them."""
