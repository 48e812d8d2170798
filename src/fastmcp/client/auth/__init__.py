"""Authentication of the client. OAuth comes in a later release."""

from fastmcp.client.auth.bearer import BearerAuth

__all__ = ["BearerAuth"]
