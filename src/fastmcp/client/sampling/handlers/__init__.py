"""Sampling handlers that ask the API of a model's vendor; each needs the vendor's package.

`pip install 'fastmcp-streamline[openai]'` (or `[anthropic]`, `[gemini]`) brings it.
"""
