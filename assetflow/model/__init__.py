"""Frozen values that every other row speaks in; no input or output happens here."""
