"""The measurements behind `gatebench load run`, `gate` and `overhead`. Importing them needs the extra `load`."""
