"""What several formats show alike: groups of findings, remarks, and the sequence diagram of an exchange."""
