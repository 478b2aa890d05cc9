"""The pytest plugin: options, items, collection, and running pytest from a program."""
