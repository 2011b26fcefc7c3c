# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that nobody looks for a text that is never said: it sees every way to look, and the source decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.check_messages import FOREIGN, ROOT, Said, main, problem
from tests.lint.messages import Match, alternatives, module_source, of_plugins, of_tasks

TASKS = """
- name: Wait
  ansible.windows.win_wait_for: {{port: 1}}
  register: waited
  failed_when: false

- name: Judge
  ansible.builtin.assert:
    that:
      - {condition}
"""


def tree(root: Path, *, condition: str = "true", python: str = "") -> Path:
    (root / "roles" / "demo" / "tasks").mkdir(parents=True)
    (root / "roles" / "demo" / "tasks" / "main.yml").write_text(TASKS.format(condition=condition))
    (root / "plugins").mkdir()
    (root / "plugins" / "one.py").write_text(python)
    return root


@pytest.mark.parametrize(
    "condition",
    [
        """'{}' in waited.msg""",
        """not (waited.msg is defined and '{}' in waited.msg | lower)""",
        """'{}' not in (waited.msg | default(''))""",
        """waited.msg is search('{}')""",
        """waited.msg | default('') is match('.*{}')""",
        """waited['msg'] is regex('{}')""",
        """waited.msg is contains('{}')""",
        """waited.msg | regex_search('{}')""",
        """waited.results | map(attribute='msg') | select('search', '{}') | length""",
        """waited.results | selectattr('msg', 'search', '{}') | list == []""",
        """waited.msg == '{}'""",
    ],
)
def test_a_wrong_text_is_found_however_it_is_looked_for(
    condition: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tree(tmp_path / "wrong", condition=f'"{condition.format("timed out")}"')
    assert main(wrong, {}) == 1
    said = capsys.readouterr().out
    assert "roles/demo/tasks/main.yml" in said
    assert "is never said by ansible.windows.win_wait_for; look at what its source says." in said
    right = tree(tmp_path / "right", condition=f'"{condition.format("timeout while waiting for")}"')
    assert main(right, {}) == 0, capsys.readouterr().out


def test_every_field_of_a_task_is_read(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "roles" / "demo" / "vars").mkdir()
    (root / "roles" / "demo" / "vars" / "main.yml").write_text(
        "__why: \"{{ 'a' if waited.msg is search('b') else 'c' }}\"\n"
    )
    tasks = root / "roles" / "demo" / "tasks" / "other.yml"
    tasks.write_text(
        "- name: Block\n  block:\n    - name: Again\n"
        "      ansible.windows.win_wait_for: {port: 1}\n      register: again\n"
        "      until: \"'d' in again.msg\"\n      failed_when: again.msg is search('e')\n"
    )
    found = {(match.text, match.module) for match in of_tasks(root)}
    assert found == {(text, "ansible.windows.win_wait_for") for text in "bde"}


@pytest.mark.parametrize(
    "python",
    [
        "def f(error):\n    return 'never said' in error.msg.lower()\n",
        "TEXT = 'never said'\ndef f(said):\n    return TEXT not in str(said)\n",
        "TEXTS = ('never said',)\ndef f(reason):\n    return any(text in reason for text in TEXTS)\n",
        "TABLE = (('never said', 'a'),)\ndef f(m):\n    return [s for text, s in TABLE if text.lower() in m['msg']]\n",
        "import re\ndef f(said):\n    return re.search('never said', said)\n",
        "import re\nTEXT = re.compile('never said')\ndef f(r):\n    return TEXT.search(r.get('stderr') or '')\n",
        "def f(message):\n    return message.startswith('never said')\n",
    ],
)
def test_python_that_looks_for_a_text_must_name_who_says_it(
    python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tree(tmp_path, python=python)
    assert main(root, {}) == 1
    assert "plugins/one.py: the text 'never said' is said by nobody known; name who says it" in capsys.readouterr().out
    assert main(root, {"plugins/one.py": (Said("winrm/transport.py", ("never said",)),)}) == 1
    assert "stands nowhere in winrm/transport.py" in capsys.readouterr().out
    assert main(root, {"plugins/one.py": (Said(f"{FOREIGN}a server", ("never said",)),)}) == 0


def test_what_is_no_message_of_others_is_left_alone(tmp_path: Path) -> None:
    python = "def f(answer, said, name):\n    return 'key' in answer or said in name or ', ' in said.split()\n"
    assert [match.text for match in of_plugins(tree(tmp_path, python=python))] == [", "]


def test_an_entry_that_nobody_needs_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tree(tmp_path), {"plugins/one.py": (Said("winrm/transport.py", ("credentials",)),)}) == 1
    assert "nobody looks for 'credentials' any more" in capsys.readouterr().out


def test_the_text_of_a_program_is_not_the_module_s(tmp_path: Path) -> None:
    match = Match("roles/demo/tasks/main.yml", "changed", "ansible.builtin.command", False, False)
    assert "is said by nobody known" in problem(match, {}, tmp_path)
    unknown = Match("roles/demo/tasks/main.yml", "text", "some.where.module", False, False)
    assert "whose source is not here" in problem(unknown, {}, tmp_path)


def test_utilities_speak_for_their_modules() -> None:
    assert "Function Fail-Json" in module_source("ansible.windows.win_wait_for")
    # Said by a utility of the collection, and by one of ansible-core.
    assert "class CommonComposeClient" in module_source(
        "community.docker.docker_compose_v2"
    ) or "compose" in module_source("community.docker.docker_compose_v2")
    assert "def fail_json" in module_source("ansible.builtin.command")


def test_alternatives_of_a_pattern() -> None:
    assert alternatives(r"a|b(c|d)|[|]|\|") == ["a", "b(c|d)", "[|]", r"\|"]


def test_this_repository_is_right() -> None:
    assert main(ROOT) == 0
