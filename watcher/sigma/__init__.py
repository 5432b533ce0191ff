"""Sigma rule files to rules and filters."""
