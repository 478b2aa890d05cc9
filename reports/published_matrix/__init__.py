"""Published reports, and the matrix made of them."""
