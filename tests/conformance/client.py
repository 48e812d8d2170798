"""The client that the official conformance suite examines: `python client.py URL`.

The suite starts it once per scenario, says which in `MCP_CONFORMANCE_SCENARIO` and at which
protocol version in `MCP_CONFORMANCE_PROTOCOL_VERSION`, and judges what its mock server saw. Most
scenarios are content with a client that lists the tools and calls them; the few that want more
have a function of their own. Public FastMCP API alone, so it also runs on FastMCP 4.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.exceptions import McpError, ToolError

with suppress(ImportError):  # FastMCP lists skills, and leaves it to hosts to check them
    from fastmcp.skills import InvalidSkill, read_skill, read_skill_file

from fastmcp.client.auth import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
    static_assertion_provider,
)
from fastmcp.utilities.tests import HeadlessOAuth

with suppress(ImportError):  # FastMCP has neither
    from fastmcp.client.auth import (
        IdentityAssertionOAuthProvider,
        IdentityProviderExchange,
        WorkloadIdentityOAuthProvider,
    )

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
VERSION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2025-11-25")
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json"

Scenario = Callable[[Client[Any]], Awaitable[None]]


def example(schema: dict[str, Any]) -> Any:
    """Some value that a simple schema admits."""
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    return kinds.get(str(schema.get("type")), "example")


def arguments_for(schema: dict[str, Any]) -> dict[str, Any]:
    """An example for each property."""
    return {name: example(part) for name, part in schema.get("properties", {}).items()}


async def accept(message: str, response_type: Any, params: Any, context: Any) -> ElicitResult:
    """Accepts every elicitation, with the defaults that its schema gives."""
    schema = getattr(params, "requested_schema", None) or {}
    return ElicitResult(action="accept", content=arguments_for(schema))


async def call_every_tool(client: Client[Any]) -> None:
    """Lists, and calls what is listed. A tool that fails is no failure of the client."""
    for tool in await client.list_tools():
        with suppress(ToolError, McpError):
            await client.call_tool(tool.name, arguments_for(tool.input_schema))


async def use_everything(client: Client[Any]) -> None:
    """Tools, resources and prompts: one request of every kind."""
    await call_every_tool(client)
    for resource in await client.list_resources():
        with suppress(McpError):
            await client.read_resource(resource.uri)
    for prompt in await client.list_prompts():
        with suppress(McpError):
            await client.get_prompt(
                prompt.name, {argument.name: "example" for argument in prompt.arguments or []}
            )


async def only_list(client: Client[Any]) -> None:
    await client.list_tools()


async def call_as_told(client: Client[Any]) -> None:
    """The context names the calls."""
    await client.list_tools()
    for call in CONTEXT["toolCalls"]:
        with suppress(ToolError, McpError):
            await client.call_tool(call["name"], call["arguments"])


async def echo_schema(client: Client[Any]) -> None:
    """Sends a listed schema back as it came."""
    tools = {tool.name: tool for tool in await client.list_tools()}
    schema = tools["json_schema_2020_12_tool"].input_schema
    await client.call_tool("json_schema_echo", {"schema": schema})


async def request_state(client: Client[Any]) -> None:
    """Tools that ask for input, with a state to echo, and one that does not."""
    await client.list_tools()
    for name in (
        "test_mrtr_echo_state",
        "test_mrtr_unrelated",
        "test_mrtr_no_state",
        "test_mrtr_no_result_type",
    ):
        with suppress(ToolError, McpError):
            await client.call_tool(name, {})


async def only_list_skills(client: Client[Any]) -> None:
    """What a host does before anybody chose a skill."""
    await client.list_skills()


async def use_skills(client: Client[Any]) -> None:
    """What a host does with a skill that was chosen: its SKILL.md first, then the rest."""
    for skill in await client.list_skills():
        try:
            await read_skill(client, skill)
        except InvalidSkill:
            continue
        for file in skill.resources:
            await read_skill_file(client, skill, file.uri)


SCENARIOS: dict[str, Scenario] = {
    "initialize": only_list,
    "json-schema-ref-no-deref": only_list,
    "http-standard-headers": use_everything,
    "http-custom-headers": call_as_told,
    "json-schema-2020-12-preservation": echo_schema,
    "sep-2322-client-request-state": request_state,
    "sep-2640-client-no-prefetch": only_list_skills,
    "sep-2640-client-verify-digest": use_skills,
    "sep-2640-client-verify-size": use_skills,
    "sep-2640-client-verify-frontmatter": use_skills,
}


def by_secret() -> Any:
    """A program with a secret."""
    return ClientCredentialsOAuthProvider(
        client_id=CONTEXT["client_id"], client_secret=CONTEXT["client_secret"]
    )


def by_key() -> Any:
    """A program with a key."""
    signed = SignedJWTParameters(
        issuer=CONTEXT["client_id"],
        subject=CONTEXT["client_id"],
        signing_key=CONTEXT["private_key_pem"],
        signing_algorithm=CONTEXT["signing_algorithm"],
    )
    return PrivateKeyJWTOAuthProvider(
        client_id=CONTEXT["client_id"], assertion_provider=signed.create_assertion_provider()
    )


def by_platform() -> Any:
    """A workload that its platform vouches for."""
    return WorkloadIdentityOAuthProvider(
        client_id=CONTEXT["client_id"],
        assertion_provider=static_assertion_provider(CONTEXT["valid_jwt"]),
    )


def by_company() -> Any:
    """An employee's client."""
    return IdentityAssertionOAuthProvider(
        client_id=CONTEXT["client_id"],
        client_secret=CONTEXT["client_secret"],
        assertion_provider=IdentityProviderExchange(
            CONTEXT["idp_token_endpoint"], CONTEXT["idp_client_id"], CONTEXT["idp_id_token"]
        ),
    )


def by_person(url: str) -> Any:
    """Somebody who agrees to everything."""
    known = {name: CONTEXT[name] for name in ("client_id", "client_secret") if name in CONTEXT}
    return HeadlessOAuth(url, client_metadata_url=CLIENT_METADATA_URL, **known)


CREDENTIALS: dict[str, Callable[[], Any]] = {
    "auth/client-credentials-basic": by_secret,
    "auth/client-credentials-jwt": by_key,
    "auth/wif-jwt-bearer": by_platform,
    "auth/enterprise-managed-authorization": by_company,
}


async def main(url: str) -> None:
    """Connects in the era that the scenario asks for, and plays it."""
    auth: Any = None
    if SCENARIO.startswith("auth/"):
        made = CREDENTIALS.get(SCENARIO)
        auth = by_person(url) if made is None else made()
    client: Client[Any] = Client(
        url,
        auth=auth,
        mode="legacy" if VERSION < "2026" else "auto",
        elicitation_handler=accept,
    )
    async with client:
        await SCENARIOS.get(SCENARIO, call_every_tool)(client)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
