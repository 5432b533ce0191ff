"""Tests beside rules."""
