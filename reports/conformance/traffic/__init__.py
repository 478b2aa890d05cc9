"""Recorded traffic in a report: transcripts, exchanges, messages."""
