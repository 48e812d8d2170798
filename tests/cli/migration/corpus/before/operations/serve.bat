@echo off
C:\tools\fastmcp.exe run C:\app\server.py ^
  --transport sse --port 8206
