"""The same with the state in a blob container."""

from __future__ import annotations

from tests.azurite import Azurite
from tests.staging import Raise, counts, forget_requests, kept_back, writes


def test_runs_that_remember_in_a_container(stage: Raise, azurite: Azurite) -> None:
    play = stage(state=azurite.connection_string, page_size=5)
    play.company.set_up()
    first = play.run()
    assert counts(first)["accounts"] == {"created": 12}
    assert kept_back(play, first) == {}
    assert len(play.outcomes(first[0])) == 12
    play.company.sell()
    assert counts(play.run())["orders-to-finops"]["created"] == 8
    forget_requests(play)
    assert {kind for kinds in counts(play.run()).values() for kind in kinds} <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)
    assert not (play.settings.project.parent / "state").exists()
