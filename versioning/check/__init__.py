"""The verb check: who could do what to a live database, and what differs from the model of --roles."""
