"""slate-replicate: destinations that follow a source."""
