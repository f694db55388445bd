"""What leads from one schema to another: which items stay, which change, and the DDL for that, in order."""
