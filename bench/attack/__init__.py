"""Attacks a client can mount, and genuine traffic beside them, against the live service."""
