"""Control API, scripted faults, event feed."""
