from __future__ import annotations

from pathlib import Path

from tests.benchmarks.replay import play, write


async def test_it_plays_what_it_has_written(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    write(path, 2, 50)
    played = await play(path)
    assert played.messages == 100
    assert played.playing > 0
