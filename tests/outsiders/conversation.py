"""What every outsider's report must say, whoever the outsider is."""

from __future__ import annotations

from typing import Any

TOOLS = [
    *("add", "person", "fail", "count", "talk", "ask", "think", "where"),
    *("survey", "locked", "wait"),
]


def text(result: dict[str, Any]) -> str:
    """The first text of a tool result."""
    return result["content"][0]["text"]


def assert_conversation(report: dict[str, Any], version: str, *, introduced: bool = True) -> None:
    """Holds a report (see `python_client.py`) against what `server.py` is.

    `introduced=False` for a client that was told the version and so never asked who the server is.
    """
    handshake = version < "2026"
    assert report["protocolVersion"] == version
    if introduced:
        assert report["server"] == "outsiders"
        assert report["instructions"] == "Talk to me."
    assert report["tools"] == TOOLS
    assert report["resources"] == ["data://greeting", "data://bytes"]
    assert report["templates"] == ["data://users/{name}"]
    assert report["prompts"] == ["review"]

    assert text(report["add"]) == "5"
    assert report["add"]["structuredContent"] == {"result": 5}
    assert report["person"]["structuredContent"] == {"name": "Ada", "age": 40}
    assert report["fail"]["isError"] is True
    assert text(report["fail"]) == "it broke on purpose"
    assert report["bad"]["isError"] is True
    assert "1 validation error for call[add]" in text(report["bad"])
    if handshake:
        assert report["unknown"]["isError"] is True
        assert text(report["unknown"]) == "Unknown tool: 'nope'"
    else:
        assert report["unknown"]["error"] == -32602
        assert "Unknown tool: 'nope'" in report["unknown"]["message"]

    assert text(report["count"]) == "counted to 3"
    assert report["progress"] == [[n, 3, f"step {n}"] for n in (1, 2, 3)]
    assert text(report["talk"]) == "talked"
    if handshake or report["logs"]:
        assert [level for level, _ in report["logs"]] == ["info", "warning"]
        assert report["logs"][0][1]["msg"] == "hello from the tool"

    assert report["read"]["contents"][0]["text"] == "Hello, Ωutsider!"
    assert report["user"]["contents"][0]["uri"] == "data://users/ada"
    assert report["user"]["contents"][0]["text"] == '{"user": "ada"}'
    assert report["bytes"]["contents"][0]["blob"].startswith("AAECAwQF")
    # "Resource not found" has a code of its own until 2025-11-25; some clients map it to the
    # later one.
    assert report["missing"]["error"] in ((-32002, -32602) if handshake else (-32602,))
    assert report["prompt"]["messages"][0]["content"]["text"] == "Please review: x = 1"

    if handshake:
        assert text(report["ask"]) == "Ada is 36"
        assert text(report["think"]) == "the model says: cba"
        assert text(report["where"]) == "file:///home/ada"
    if "survey" in report:
        assert report["survey"]["structuredContent"] == {
            "result": [
                "meals=['lunch', 'breakfast'] view='g' floor=2 note=None",
                "accept",
                "200",
            ]
        }
        assert report["locked"]["error"] == -32042
        assert report["locked"]["pages"] == [["Log in", "https://example.com/login"]]
        assert report["complete"] == ["pay-1"]
    assert report["parallel"] == [2 * n for n in range(20)]
