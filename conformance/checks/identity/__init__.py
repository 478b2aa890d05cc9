"""Checks of the caller: authentication, discovery of authorization servers, access."""
