"""The browser's side of consent: callbacks, pages, and forged headers."""
