"""One tool that asks its user twice and the client's model once, whichever era the client speaks.

    python examples/trip.py

In the handshake era each question is a request on the call's own stream. In the stateless era the
call is answered with its question, and goes on where it stood when the client calls again with
the answer. The tool need not care.
"""

from __future__ import annotations

import sys

from fastmcp import Context, FastMCP

mcp = FastMCP("Trips")


@mcp.tool
async def plan_trip(ctx: Context, days: int = 3) -> str:
    """Plan a trip with the user."""
    place = await ctx.elicit("Where do you want to go?", str)
    if place.action != "accept":
        return "No trip, then."
    idea = await ctx.sample(f"Name one thing to see in {place.data}.", max_tokens=100)
    sure = await ctx.elicit(f"{days} days in {place.data}, with {idea.text}?", ["yes", "no"])
    if sure.action != "accept" or sure.data == "no":
        return "No trip, then."
    return f"Booked: {days} days in {place.data}, with {idea.text}"


app = mcp.http_app()

if __name__ == "__main__":
    mcp.run(transport="http", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
