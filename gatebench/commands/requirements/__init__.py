"""Commands about the registry of requirements, and the faults that prove their checks."""
