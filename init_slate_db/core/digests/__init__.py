"""Digests that servers make of their events, which tell whether two tables hold the same."""
