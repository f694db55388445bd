"""Patches in files: which ones a database lacks, and how they come to each of its nodes."""
