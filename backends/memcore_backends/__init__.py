"""The storage backends that ship with memcore, each a plugin found through an entry point."""
