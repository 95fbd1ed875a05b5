"""Plans, scripts and the engine that takes a database from one change to the next."""
