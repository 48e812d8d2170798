@echo off
C:\tools\fastmcp.exe run C:\app\server.py ^
  --transport http --port 8206
