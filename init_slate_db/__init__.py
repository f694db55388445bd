"""init-slate-db: creates the source and destination databases of an event store."""

__version__ = "1.0.0"
