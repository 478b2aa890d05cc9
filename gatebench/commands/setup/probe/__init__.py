"""`gatebench init --probe`: ask a running gateway what it is, and turn the answers into a descriptor with its evidence."""
