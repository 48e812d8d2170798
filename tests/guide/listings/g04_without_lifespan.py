from g04_app import app as mcp_app
from starlette.applications import Starlette
from starlette.routing import Mount

app = Starlette(routes=[Mount("/tools", app=mcp_app)])
