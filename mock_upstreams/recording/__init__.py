"""The event log, and the middleware that records exchanges."""
