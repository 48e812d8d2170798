from fastmcp import FastMCP

shared = FastMCP("shared")
