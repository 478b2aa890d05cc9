"""`gatebench load`: load tests."""
