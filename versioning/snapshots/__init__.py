"""Snapshots of everything that is not data."""
