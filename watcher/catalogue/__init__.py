"""The catalogue: a static site of every rule, and what it says about all of them together."""
