from fastapi import FastAPI
from g04_app import app as mcp_app

app = FastAPI(lifespan=mcp_app.lifespan)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


app.mount("/tools", mcp_app)
