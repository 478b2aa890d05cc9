"""Tests of the committed example transcripts."""
