"""The official conformance suite, both sides, both requirement sets.

A scenario that fails must stand in `expected_failures.yml`, and one that stands there must fail.
"""

from __future__ import annotations

import pytest

from tests.conformance import issuer, suite
from tests.server.auth.oauth.visitor import consent
from tests.support.extent import LONG
from tests.support.process import free_port, script, serve
from tests.support.schema import STATELESS


@pytest.mark.timeout(240)
@pytest.mark.parametrize("revision", suite.REVISIONS)
def test_server(revision: str) -> None:
    with serve(script(suite.HERE / "server.py")) as server:
        found = suite.examine_server(server.url, revision)
    wrong = suite.verdict(found, suite.expected_failures("server", revision))
    assert not wrong, "\n".join(wrong)
    if revision == STATELESS:
        # Its checks of subscriptions are left out where a server announces none.
        assert found["server-stateless"].skipped == []


@pytest.mark.timeout(240)
def test_skills() -> None:
    with serve(script(suite.HERE / "server.py")) as server:
        found = [suite.examine_extension(server.url, scenario) for scenario in suite.SKILLS]
    wrong = suite.verdict({scenario.name: scenario for scenario in found}, set())
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(120)
def test_authorization_server() -> None:
    callback_port = free_port()
    with serve(script(suite.HERE / "issuer.py", str(callback_port))) as server:
        url = f"http://127.0.0.1:{server.port}"
        found = suite.examine_issuer(url, issuer.CLIENT, callback_port, consent)
    wrong = suite.verdict(found, set())
    assert not wrong, "\n".join(wrong)
    assert set(suite.ISSUER) <= set(found)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("revision", suite.REVISIONS)
def test_client(revision: str) -> None:
    """All together; in a long run each alone as well, where it counts how the client ends."""
    expected = suite.expected_failures("client", revision)
    found = suite.examine_client(revision)
    must = suite.MUST_RUN[revision]
    assert must <= set(found)
    core = [name for name in found if not name.startswith("auth/")]
    alone = suite.examine_client_alone(
        [name for name in core if LONG or name in must or not found[name].passed], revision
    )
    # Dozens of clients started together: of one that failed among them, it counts how it did alone.
    for name, scenario in alone.items():
        if not found[name].passed:
            found[name] = scenario
    wrong = [*suite.verdict(found, expected), *suite.verdict(alone, set())]
    for name in must:
        wrong += alone[name].skipped
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(240)
def test_client_of_skills() -> None:
    found = suite.examine_client_alone(suite.CLIENT_SKILLS, None)
    for scenario in found.values():
        scenario.problems += scenario.skipped
    wrong = suite.verdict(found, set())
    assert not wrong, "\n".join(wrong)
