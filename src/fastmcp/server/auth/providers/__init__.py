"""Verifiers of tokens, and presets for those who issue them."""
