"""The measurements of `gatebench load run`, `gate` and `overhead`, and their reports."""
