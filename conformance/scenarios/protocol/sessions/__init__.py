"""Sessions of the handshake era, and the protocol revisions of both legs."""
