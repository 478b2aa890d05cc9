"""Example transcripts of the shapes of checks, by subject."""
