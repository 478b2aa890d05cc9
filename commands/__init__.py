"""The commands of the front door, one subject a file.

Everything heavy is imported where it is needed: `gatebench list` must be instant.
"""
