"""Releases: schemas of functions side by side, each with its version in its name."""
