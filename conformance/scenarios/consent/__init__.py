"""How a user authorises an upstream, and what happens when the granted token expires."""
