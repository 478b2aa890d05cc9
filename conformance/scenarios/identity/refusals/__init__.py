"""What the gateway refuses, and how: one manner for every method and session, refused names, foreign origins."""
