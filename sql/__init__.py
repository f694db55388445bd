"""The database objects, as package data of init_slate_db."""
