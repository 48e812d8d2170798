"""Tools: functions that a client may call."""

from fastmcp.tools.base import Tool, ToolResult
from fastmcp.tools.function_tool import FunctionTool, tool

__all__ = ["FunctionTool", "Tool", "ToolResult", "tool"]
