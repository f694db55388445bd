"""How fast and how small we are, against the original and PostgreSQL's own programs. ``python -m benchmarks``."""
