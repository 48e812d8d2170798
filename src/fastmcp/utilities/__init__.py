"""Leaf helpers: they import nothing of the package but exceptions and settings."""
