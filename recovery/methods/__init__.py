"""The ways to rebuild a source from a backup."""
