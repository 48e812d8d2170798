"""What `list` and `call` show a person: plain text, one thing a line, nothing to page through."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

__all__ = ["render_contents", "render_listing", "render_messages", "render_result"]

Plain = Mapping[str, Any]


def render_listing(
    listing: Mapping[str, Sequence[Plain]], input_schema: bool, output_schema: bool
) -> str:
    """Tools, resources, templates and prompts, each under a heading with their number."""
    blocks: list[str] = []
    for tool in _headed(blocks, "Tools", listing.get("tools")):
        lines = [_signature(tool), *_description(tool)]
        if input_schema:
            lines.append(f"input: {_compact(tool.get('inputSchema'))}")
        if output_schema:
            lines.append(f"output: {_compact(tool.get('outputSchema'))}")
        blocks.append(_indented(lines))
    for key, title, uri in (
        ("resources", "Resources", "uri"),
        ("resourceTemplates", "Resource templates", "uriTemplate"),
    ):
        found = _headed(blocks, title, listing.get(key))
        blocks.extend(_indented([item[uri], *_description(item)]) for item in found)
    for prompt in _headed(blocks, "Prompts", listing.get("prompts")):
        names = ", ".join(
            argument["name"] + ("" if argument.get("required") else "?")
            for argument in prompt.get("arguments", ())
        )
        blocks.append(_indented([f"{prompt['name']}({names})", *_description(prompt)]))
    return "\n".join(blocks)


def render_result(result: Plain) -> str:
    """A tool's result: its text, or its structured content where the text is only that as JSON."""
    text = render_contents(result.get("content", ()))
    structured = result.get("structuredContent")
    if structured is None:
        return text
    try:
        same = json.loads(text) == structured
    except ValueError:
        same = False
    return json.dumps(structured, indent=2, ensure_ascii=False) if same or not text else text


def render_contents(contents: Sequence[Plain]) -> str:
    """Content blocks or the contents of a resource, one after the other."""
    return "\n".join(_content(item) for item in contents)


def render_messages(prompt: Plain) -> str:
    """The messages of a prompt, each under its role."""
    return "\n\n".join(
        f"{message['role']}:\n{_indent(_content(message['content']))}"
        for message in prompt.get("messages", ())
    )


def _headed(blocks: list[str], title: str, items: Sequence[Plain] | None) -> Sequence[Plain]:
    if items is None:
        return ()
    blocks.append(f"{title} ({len(items)})")
    return items


def _signature(tool: Plain) -> str:
    schema = cast("Plain", tool.get("inputSchema", {}))
    required = schema.get("required", ())
    parts: list[str] = []
    for name, own in cast("dict[str, Plain]", schema.get("properties", {})).items():
        part = f"{name}: {_type(own)}"
        if "default" in own:
            part += f" = {json.dumps(own['default'], ensure_ascii=False)}"
        elif name not in required:
            part += " = ..."
        parts.append(part)
    output = tool.get("outputSchema")
    returns = "" if output is None else f" -> {_type(_unwrapped(output))}"
    return f"{tool['name']}({', '.join(parts)}){returns}"


def _unwrapped(schema: Plain) -> Plain:
    if schema.get("x-fastmcp-wrap-result"):
        return schema.get("properties", {}).get("result", schema)
    return schema


def _type(schema: Plain) -> str:
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " | ".join(dict.fromkeys(_type(choice) for choice in choices))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = schema.get("type", "any")
    if kind == "array" and schema.get("items"):
        return f"array[{_type(schema['items'])}]"
    return " | ".join(cast("list[str]", kind)) if isinstance(kind, list) else str(kind)


def _description(item: Plain) -> list[str]:
    text = item.get("description")
    return [f"  {line}".rstrip() for line in str(text).splitlines()] if text else []


def _content(item: Plain) -> str:
    if "text" in item:
        return str(item["text"])
    if "resource" in item:
        return _content(item["resource"])
    if item.get("type") == "resource_link":
        return f"[{item.get('name', 'resource')}: {item['uri']}]"
    data = item.get("data", item.get("blob"))
    if isinstance(data, str):
        kind = item.get("type", "binary")
        size = len(data) * 3 // 4 - data[-2:].count("=")
        return f"[{kind} {item.get('mimeType', 'application/octet-stream')}, {size} bytes]"
    return json.dumps(item, ensure_ascii=False)


def _compact(schema: Any) -> str:
    return "none" if schema is None else json.dumps(schema, ensure_ascii=False)


def _indented(lines: list[str]) -> str:
    return "\n".join([f"  {lines[0]}", *(f"  {line}" for line in lines[1:])])


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
