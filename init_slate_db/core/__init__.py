"""The ground that every command stands on."""
