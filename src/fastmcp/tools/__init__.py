"""Tools: functions that a client may call."""

from fastmcp.tools.base import InputRequiredToolResult, Tool, ToolResult
from fastmcp.tools.function_tool import FunctionTool, tool

__all__ = ["FunctionTool", "InputRequiredToolResult", "Tool", "ToolResult", "tool"]
