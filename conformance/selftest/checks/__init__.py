"""Tests of the checks: each passes and fails on built transcripts."""
