"""The runner of the documents' commands: a page that is wrong has to be told from one that is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import docs
from tools.docs import Block, Marks, Page, blocks, console


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(tmp_path, monkeypatch, capsys)


class Runner:
    """Runs a page given as text and keeps what was printed about it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(docs, "_ROOT", root)
        self.root = root
        self.capsys = capsys

    def __call__(self, text: str, *, real: bool = False) -> tuple[int, str]:
        page = self.root / "page.md"
        page.write_text(text)
        failed = Page(page, self.root, real=real).run()
        return failed, self.capsys.readouterr().out


def test_blocks_are_found_with_their_lines_languages_and_marks() -> None:
    text = """# Title

```bash
one
```

<!-- docs: exit 2, real -->
```console
$ two
```

1. In a list:

    <!-- docs: skip needs a car -->

    ```python
    three = 3
    ```

```yaml
four: 4
```
"""
    assert blocks(text) == [
        Block(4, "bash", "one\n", Marks()),
        Block(9, "console", "$ two\n", Marks(status=2, real=True)),
        Block(17, "python", "three = 3\n", Marks(skip="needs a car")),
        Block(21, "yaml", "four: 4\n", Marks()),
    ]


def test_a_mark_counts_for_the_next_block_only() -> None:
    text = (
        "<!-- docs: exit 1 -->\nSome words.\n```bash\na\n```\n<!-- docs: exit 1 -->\n```bash\nb\n```\n```bash\nc\n```\n"
    )
    assert [block.marks.status for block in blocks(text)] == [0, 1, 0]


def test_an_unknown_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown mark 'exti 1'; use skip, exit N, real, output, server or stop"):
        blocks("<!-- docs: exti 1 -->\n")


def test_a_console_block_is_split_into_commands_and_output() -> None:
    code = "$ echo a \\\n    b\na b\n$ cd x\n"
    assert console(code) == ("echo a \\\n    b\ncd x\n", "a b\n")


def test_blocks_share_the_pages_folder_and_namespace(run: Runner) -> None:
    text = """```bash
echo 42 > n
```
```python
from pathlib import Path
n = int(Path("n").read_text())
```
```pycon
>>> n + 1
43
```
"""
    failed, printed = run(text)
    assert failed == 0
    assert printed.count(" s, ok\n") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```bash\nfalse\n```\n", "page.md:2: bash: * s, FAILED*status 1, not 0"),
        ("```bash\nfalse\necho reached\n```\n", "FAILED"),
        ("```console\n$ false | true\n```\n", "FAILED"),
        ("<!-- docs: exit 3 -->\n```bash\ntrue\n```\n", "status 0, not 3"),
        ("\n```python\nx = 1\nx / 0\n```\n", 'page.md", line 4*ZeroDivisionError'),
        ("```pycon\n>>> 1 + 1\n3\n```\n", "page.md*line 2*Expected:*3*Got:*2"),
        (
            "<!-- docs: output -->\n```console\n$ echo 12 frames\n13 frames\n```\n",
            "shown:*13 frames*printed:*12 frames",
        ),
    ],
)
def test_what_does_not_do_as_shown_fails(text: str, said: str, run: Runner) -> None:
    failed, printed = run(text)
    assert failed == 1
    rest = printed
    for part in said.split("*"):
        assert part in rest
        rest = rest.partition(part)[2]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- docs: exit 3 -->\n```bash\nexit 3\n```\n",
        "<!-- docs: output -->\n```console\n$ echo 12 frames in 0.31 s\n12 frames in ... s\n```\n",
        "```console\n$ echo shown differently\nbut not marked as checked\n```\n",
        "```json\n{this is not run}\n```\n",
    ],
)
def test_what_does_as_shown_passes(text: str, run: Runner) -> None:
    assert run(text)[0] == 0


def test_marked_blocks_are_skipped_and_said(run: Runner) -> None:
    text = "<!-- docs: skip needs a car -->\n```bash\nfalse\n```\n<!-- docs: real -->\n```bash\nfalse\n```\n"
    failed, printed = run(text)
    assert failed == 0
    assert printed.splitlines() == [
        "page.md:3: bash: skipped needs a car",
        "page.md:7: bash: skipped no recorded logs here",
    ]


def test_recorded_logs_are_read_where_they_are(run: Runner) -> None:
    assert run("<!-- docs: real -->\n```bash\nfalse\n```\n", real=True)[0] == 1


def _server(status: int = 0) -> str:
    """Return a block of a server that leaves a file behind, and ends with *status*, when it is stopped."""
    code = (
        "import signal, sys, time; "
        f"signal.signal(signal.SIGTERM, lambda *_: (open('stopped', 'w').close(), sys.exit({status}))); "
        "print('port 17'); time.sleep(60)"
    )
    return f'<!-- docs: server -->\n```console\n$ python -u -c "{code}"\nport ...\n```\n\n'


def test_a_server_goes_on_while_later_blocks_run_and_is_stopped_at_the_end(run: Runner) -> None:
    failed, printed = run(_server() + "```bash\n! test -e stopped\n```\n")
    assert failed == 0, printed
    assert printed.count(", ok") == 2
    assert (run.root / "stopped").exists()


def test_a_server_is_stopped_before_a_block_that_says_so(run: Runner) -> None:
    failed, printed = run(_server() + "<!-- docs: stop -->\n```bash\ntest -e stopped\n```\n")
    assert failed == 0, printed


def test_a_server_without_output_is_ready_when_it_says_so(run: Runner) -> None:
    code = "import time; print('binding', 'ready', sep=chr(10), flush=True); time.sleep(60)"
    block = f'<!-- docs: server -->\n```bash\npython -c "{code}"\n```\n'
    failed, printed = run(block)
    assert failed == 1  # it does not mind being stopped, so that it ends by the signal
    assert "ok" in printed
    assert "ended with status -15" in printed


@pytest.mark.parametrize("stop", ["", "<!-- docs: stop -->\n```bash\ntrue\n```\n"])
def test_a_server_that_ends_badly_fails_the_page(run: Runner, stop: str) -> None:
    failed, printed = run(_server(3) + stop)
    assert failed == 1
    assert "ended with status 3" in printed


def test_a_server_that_ends_by_itself_fails_the_page(run: Runner) -> None:
    block = "<!-- docs: server -->\n```console\n$ echo port 1\nport 1\n```\n\n```bash\nsleep 0.2\n```\n"
    failed, printed = run(block)
    assert failed == 1
    assert "by itself" in printed


def test_a_server_that_cannot_start_fails_its_block(run: Runner) -> None:
    failed, printed = run("<!-- docs: server -->\n```console\n$ false\nready\n```\n")
    assert failed == 1
    assert "ended with status 1" in printed
