"""Releases: schemas of functions side by side, each with its version in its name."""

from versioning import PROGRAM

NAME = f"{PROGRAM} release"
