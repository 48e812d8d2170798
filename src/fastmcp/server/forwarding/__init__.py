"""A server that stands in front of another one: what belongs to whom, and what goes through."""
