"""slate-diff: two events tables are compared by digests, down to the rows that differ."""
