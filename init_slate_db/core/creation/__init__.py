"""What creates a database: the survey of the server, the plan, and its installation."""
