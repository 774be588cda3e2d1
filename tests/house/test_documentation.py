"""Every example that a reader can find runs, as it stands (``examples.py`` says how)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import desktop
from tests.house.architecture import PACKAGE, ROOT
from tests.house.background import in_background
from tests.house.examples import LANGUAGES, SERVER, Block, blocks_in_docstrings, blocks_in_text, run


def pages() -> Iterator[Path]:
    """The Markdown pages of the project."""
    yield from (page for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md") if (page := ROOT / name).is_file())
    yield from sorted((ROOT / "docs").rglob("*.md"))


def all_blocks() -> list[Block]:
    """Every fenced block of the pages and of the package's docstrings."""
    in_pages = [block for page in pages() for block in blocks_in_text(page.read_text("utf-8"), page)]
    in_code = [
        block for path in sorted(PACKAGE.rglob("*.py")) for block in blocks_in_docstrings(path.read_text("utf-8"), path)
    ]
    return in_pages + in_code


BLOCKS = all_blocks()
EXAMPLES = [block for block in BLOCKS if block.language == "python"]


def name_of(block: Block) -> str:
    """Where a block stands, for a person to click on."""
    return f"{block.path.relative_to(ROOT)}:{block.line}" if block.path.is_relative_to(ROOT) else block.path.name


@pytest.fixture(scope="module")
def server_address() -> Iterator[str]:
    """The address of an embedded server with the demo application, on a thread and a loop of its own."""
    from rxphoenix.server import PhoenixServer
    from rxphoenix.server.applications.demo import demo_application

    with in_background("server of the examples", lambda: PhoenixServer(demo_application())) as server:
        yield server.url.partition("://")[2].partition("/")[0]


@pytest.mark.parametrize("block", EXAMPLES, ids=name_of)
def test_an_example_runs(block: Block, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tkinter", desktop.stand_in())
    address = request.getfixturevalue("server_address") if SERVER in block.source else None
    if block.raises is None:
        run(block, address)
        return
    with pytest.raises(Exception) as caught:
        run(block, address)
    assert block.raises in {ancestor.__name__ for ancestor in type(caught.value).__mro__}


def test_every_fence_names_a_known_language():
    assert [f"{name_of(block)}: {block.language!r}" for block in BLOCKS if block.language not in LANGUAGES] == []


def example(source: str, raises: str | None = None) -> Block:
    """An example that stands nowhere."""
    return Block(Path("example"), 1, "python", source, raises)


def test_blocks_are_found_with_their_lines_and_their_errors():
    text = (
        "# Title\n\n```python\na = 1\n```\n\n<!-- raises: JoinRefused -->\n\n```python\nb\n```\n"
        "text\n\n    ```python\n    if c:\n        d\n    ```\n\n```sh\nls\n```\n\n```\nbare\n```\n"
    )
    found = [(block.line, block.language, block.source, block.raises) for block in blocks_in_text(text, Path("page"))]
    assert found == [
        (3, "python", "a = 1\n", None),
        (9, "python", "b\n", "JoinRefused"),
        (14, "python", "if c:\n    d\n", None),
        (19, "sh", "ls\n", None),
        (23, "", "bare\n", None),
    ]


def test_blocks_are_found_in_every_kind_of_docstring():
    fence = '"""One.\n\n{0}```python\n{0}{1}\n{0}```\n{0}"""\n'
    source = (
        fence.format("", "module")
        + "NAME = 1\n"
        + fence.format("", "name")
        + "class A:\n    "
        + fence.format("    ", "cls")
        + "    async def f(self):\n        "
        + fence.format("        ", "method")
    )
    found = [(block.line, block.source.strip()) for block in blocks_in_docstrings(source, Path("module"))]
    assert sorted(found) == [(3, "module"), (10, "name"), (17, "cls"), (24, "method")]


def test_an_example_may_await_at_its_top_level(capsys: pytest.CaptureFixture[str]):
    run(example("import asyncio\nprint(await asyncio.sleep(0, 'slept'))"))
    assert capsys.readouterr().out == "slept\n"


def test_an_example_without_await_runs_inside_a_loop():
    run(example("import asyncio\nasyncio.get_running_loop()"))


def test_a_program_brings_its_own_loop(capsys: pytest.CaptureFixture[str]):
    run(
        example(
            "import asyncio\nasync def main():\n    print('ran')\nif __name__ == '__main__':\n    asyncio.run(main())"
        )
    )
    assert capsys.readouterr().out == "ran\n"


def test_an_example_reaches_the_server_by_the_address_of_the_page(capsys: pytest.CaptureFixture[str]):
    run(example(f"print('ws://{SERVER}/socket')"), "127.0.0.1:9")
    assert capsys.readouterr().out == "ws://127.0.0.1:9/socket\n"


def test_an_example_that_fails_shows_its_line():
    block = Block(ROOT / "README.md", 41, "python", "a = 1\n1 / 0\n", None)
    with pytest.raises(ZeroDivisionError) as caught:
        run(block)
    assert caught.traceback[-1].lineno == 43 - 1  # counted from 0


def test_a_warning_in_an_example_is_an_error():
    with pytest.raises(DeprecationWarning):
        run(example("import warnings\nwarnings.warn('old', DeprecationWarning)"))


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nawait asyncio.Event().wait()",
        "import asyncio\nasync def main():\n    await asyncio.Event().wait()\nasyncio.run(main())",
    ],
)
@pytest.mark.may_leave("errors", reason="the interrupted program may log its end")
def test_an_example_that_does_not_end_is_stopped(source: str):
    with pytest.raises(TimeoutError):
        run(example(source), timeout=0.05)
