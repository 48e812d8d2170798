"""Types for annotations of tool parameters."""

from typing import Annotated

from pydantic import Field

__all__ = ["Textarea"]

Textarea = Annotated[str, Field(json_schema_extra={"format": "textarea"})]
"""A string that a form shows as a text area."""
