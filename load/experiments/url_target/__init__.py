"""Load on any running gateway, known only by its address: nothing behind it is gatebench's."""
