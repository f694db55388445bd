"""slate-recover and slate-diff: a lost source is rebuilt from a backup, and the result is proven."""
