"""Shapes about resources, prompts, capabilities and notifications."""
