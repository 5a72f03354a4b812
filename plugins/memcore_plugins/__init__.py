"""The memcore modules, each a plugin found through an entry point."""
