"""Queries on the catalogs of a server: each row is one item of a schema."""
