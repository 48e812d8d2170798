"""URI templates, matched and expanded."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmcp.utilities.uri_template import UriTemplate, is_template


@pytest.mark.parametrize(
    ("template", "uri", "expected"),
    [
        ("a://b/{x}", "a://b/1", {"x": "1"}),
        ("a://b/{x}", "a://b/1/2", None),
        ("a://b/{x}", "a://b/", None),
        ("a://b/{x}", "A://b/1", None),
        ("a://{x}/{y}", "a://1/2", {"x": "1", "y": "2"}),
        ("a://{x}.txt", "a://b.txt", {"x": "b"}),
        ("a://b/{x*}", "a://b/1/2", {"x": "1/2"}),
        ("a://{x*}/end", "a://1/2/end", {"x": "1/2"}),
        ("a://{user-id}", "a://7", {"user_id": "7"}),
        ("a://{x}", "a://h%C3%A9%20%2F", {"x": "hé /"}),
        ("a://{x}", "a://1?q=2", {"x": "1"}),
        ("a://{x}", "a://1#frag", {"x": "1"}),
        ("a://{x}#top", "a://1#top", {"x": "1"}),
        ("a://{x}{?q,r}", "a://1", {"x": "1"}),
        ("a://{x}{?q,r}", "a://1?q=a+b&z=3", {"x": "1", "q": "a b"}),
        ("a://{x}{?q,r}", "a://1?r=&q=%26", {"x": "1", "r": "", "q": "&"}),
        ("a://{x}{?q}", "a://1?q=1&q=2", {"x": "1", "q": "1"}),
        ("a://{x}{?page-size}", "a://1?page-size=5", {"x": "1", "page_size": "5"}),
        ("a://{x}{?q*}", "a://1?q=1&q=2", {"x": "1", "q": ["1", "2"]}),
        ("a://{x}{?q*,r}", "a://1?q=1&r=3", {"x": "1", "q": ["1"], "r": "3"}),
        ("a://café/{x}", "a://caf%c3%a9/1", {"x": "1"}),
        ("a://café/{x}", "a://café/1", {"x": "1"}),
        ("a://caf%C3%A9/{x}", "a://caf%c3%a9/1", {"x": "1"}),
        ("a://b c/{x}", "a://b%20c/1", {"x": "1"}),
        ("a://b+c.d/{x}", "a://b+c.d/1", {"x": "1"}),
        ("a://b+c.d/{x}", "a://bbcxd/1", None),
        ("a://{x}", "a://1\n", {"x": "1\n"}),
        ("a://{x}.{y}", "a://b.tar.gz", {"x": "b.tar", "y": "gz"}),
        ("a://{x}{y}!", "a://123!", {"x": "12", "y": "3"}),
        ("a://{x}/{y*}/{z}", "a://1/2/3/4", {"x": "1", "y": "2/3", "z": "4"}),
        ("a://{x*}/{y*}", "a://1/2/3", {"x": "1/2", "y": "3"}),
        ("a://{x}-b/c-{y}", "a://1-b-b/c-2-3", {"x": "1-b", "y": "2-3"}),
    ],
)
def test_match(template: str, uri: str, expected: Any) -> None:
    assert UriTemplate(template).match(uri) == expected


@pytest.mark.parametrize("between", ["", "-", "aa", "{p{n}*}"])
def test_time_does_not_explode(between: str) -> None:
    """Whoever writes the template, and whoever the URI."""
    parts = "".join(f"{{a{n}}}" + between.replace("{n}", str(n)) for n in range(12))
    template = UriTemplate(f"x://{parts}!")
    began = time.process_time()
    for filler in ("a", "-", "a-", "%61"):
        for length in (30, 3000):
            assert template.match("x://" + filler * length) is None
    assert time.process_time() - began < 5


def test_comma_separated_lists() -> None:
    template = UriTemplate("a://{x}{?tags}")
    assert template.match("a://1?tags=a,b%2Cc", {"tags"}) == {"x": "1", "tags": ["a", "b,c"]}
    assert template.match("a://1?tags=", {"tags"}) == {"x": "1", "tags": []}


def test_names() -> None:
    template = UriTemplate("a://{x}/{y-z*}{?q,r*}")
    assert (template.path, template.query) == (["x", "y_z"], ["q", "r"])
    assert template.exploded == {"r"}
    assert template.parameters == ["x", "y_z", "q", "r"]
    assert is_template("a://{x}")
    assert not is_template("a://x")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a://{a-b}/{a_b}", "'a-b' and 'a_b' both normalize to 'a_b'"),
        ("a://{a}/{a}", "has the parameter 'a' twice"),
        ("a://{1a}", "'1a' is no parameter name"),
        ("a://{a b}", "'a b' is no parameter name"),
        ("a://{x}{?a.b}", "is no parameter name"),
    ],
)
def test_refused(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UriTemplate(template)


@pytest.mark.parametrize(
    ("template", "values", "uri"),
    [
        ("a://{x}/{y*}", {"x": "a/b", "y": "c/d é"}, "a://a%2Fb/c/d%20%C3%A9"),
        ("a://{x}{?q,r}", {"x": 1, "r": "a&b"}, "a://1?r=a%26b"),
        ("a://{x}{?q*}", {"x": 1, "q": ["a", "b,c"]}, "a://1?q=a&q=b%2Cc"),
        ("a://{x}{?q}", {"x": 1, "q": ["a", "b,c"]}, "a://1?q=a,b%2Cc"),
        ("a://é b/{user-id}", {"user_id": 1}, "a://%C3%A9%20b/1"),
        ("a://caf%C3%A9/{x}", {"x": 1}, "a://caf%C3%A9/1"),
    ],
)
def test_expand(template: str, values: dict[str, Any], uri: str) -> None:
    assert UriTemplate(template).expand(values) == uri


def test_expand_needs_the_path() -> None:
    with pytest.raises(KeyError):
        UriTemplate("a://{x}").expand({})


@given(
    x=st.text(min_size=1).filter(lambda t: t.encode("utf-8", "ignore").decode() == t),
    path=st.text(min_size=1).filter(lambda t: t.encode("utf-8", "ignore").decode() == t),
    q=st.text().filter(lambda t: t.encode("utf-8", "ignore").decode() == t),
    items=st.lists(
        st.text().filter(lambda t: t.encode("utf-8", "ignore").decode() == t), min_size=1
    ),
)
def test_match_is_the_inverse_of_expand(x: str, path: str, q: str, items: list[str]) -> None:
    template = UriTemplate("a://{x}/-/{path*}{?q,items*}")
    values = {"x": x, "path": path, "q": q, "items": items}
    if "/-/" not in path:
        assert template.match(template.expand(values)) == values


def test_a_long_uri_does_not_meet_two_wildcards():
    """Matching two of them takes time that grows with the square of the length."""
    template = UriTemplate("x://{a*}/{b*}/end")
    assert template.match("x://" + "a/" * 1000 + "end") is not None
    assert template.match("x://" + "a/" * 1_000_000 + "end") is None
    assert UriTemplate("x://{a*}/end").match("x://" + "a/" * 1_000_000 + "end") is not None


def test_a_template_has_a_length():
    UriTemplate("x://" + "a" * 8188)
    with pytest.raises(ValueError, match="has 8193 characters; at most 8192"):
        UriTemplate("x://" + "a" * 8189)
