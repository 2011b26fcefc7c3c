# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that nothing loops over what must not be shown: what it refuses, by any name, and what it lets be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.check_secret_loops import ROOT, problems

ASK = """
- name: Ask
  ansible.builtin.uri: {url: "http://127.0.0.1/{{ item }}"}
  loop: [a, b]
  register: __demo_seen
  no_log: true
"""
SPECIFICATION = """
argument_specs:
  main:
    options:
      demo_people:
        type: list
        options:
          name: {type: str}
          password: {type: str, no_log: true}
      demo_password: {type: str, no_log: true}
      demo_names: {type: list}
"""


def found(folder: Path, tasks: str, variables: str = "") -> list[str]:
    role = folder / "roles" / "demo"
    for place, text in (("tasks", tasks), ("vars", variables), ("meta", SPECIFICATION)):
        (role / place).mkdir(parents=True)
        (role / place / ("argument_specs.yml" if place == "meta" else "main.yml")).write_text(text)
    return list(problems(folder))


def judge(loop: str, more: str = "") -> str:
    return f"\n- name: Judge\n  ansible.builtin.assert: {{that: item}}\n  loop: {loop}\n{more}"


@pytest.mark.parametrize(
    "tasks",
    [
        ASK + judge('"{{ __demo_seen.results }}"', '  loop_control: {label: "{{ item.item }}"}'),
        ASK + judge("\"{{ __demo_seen.results | map(attribute='json') }}\""),
        ASK + judge("\"{{ __demo_seen.results | selectattr('status', 'eq', 200) | list }}\""),
        ASK + judge('"{{ __demo_alias }}"', '  vars: {__demo_alias: "{{ __demo_seen.results }}"}'),
        ASK + judge('["{{ __demo_seen.results[0] }}", x]'),
        ASK + '\n- ansible.builtin.set_fact: {__demo_x: "{{ __demo_seen.results }}"}' + judge('"{{ __demo_x }}"'),
        ASK.replace("no_log: true", 'no_log: "{{ not demo_debug }}"') + judge('"{{ __demo_seen.results }}"'),
        "\n- no_log: true\n  block:\n    - ansible.builtin.command: {argv: [x]}\n      register: __demo_one"
        + judge('"{{ __demo_one.stdout_lines }}"'),
        ASK + "\n- ansible.builtin.include_tasks: x.yml\n  no_log: true\n  loop: '{{ __demo_seen.results }}'",
        ASK + "\n- ansible.builtin.debug: {msg: x}\n  with_items: '{{ __demo_seen.results }}'",
        ASK + "\n- block:\n    - ansible.builtin.debug: {msg: x}\n      loop: '{{ __demo_seen.results }}'",
        judge('"{{ demo_people }}"', '  loop_control: {label: "{{ item.name }}"}'),
        judge("\"{{ demo_people | map(attribute='password') }}\""),
        judge('["{{ demo_password }}"]'),
        judge('"{{ x if demo_names else demo_people }}"'),
        "\n- mediverse.pacs.site_secrets: {site: x}\n  register: __demo_s"
        + judge('"{{ __demo_s.secrets | dict2items }}"'),
    ],
)
def test_refused(tasks: str, tmp_path: Path) -> None:
    assert len(found(tmp_path, tasks)) == 1


def test_refused_by_a_file_of_variables(tmp_path: Path) -> None:
    variables = '__demo_one: "{{ demo_people }}"\n__demo_two: ["{{ __demo_one }}"]\n'
    (line,) = found(tmp_path, judge('"{{ __demo_two }}"'), variables)
    assert line.startswith("roles/demo/tasks/main.yml:2: 'Judge' loops over a secret")


@pytest.mark.parametrize(
    "tasks",
    [
        ASK + judge('"{{ range(__demo_seen.results | length) }}"'),
        ASK + judge("\"{{ __demo_seen.results | map(attribute='status') }}\""),
        ASK + judge('"{{ demo_names if __demo_seen is failed else [] }}"'),
        ASK + judge('"{{ __demo_seen.results }}"', "  no_log: true"),
        ASK.replace("no_log: true", "no_log: false") + judge('"{{ __demo_seen.results }}"'),
        judge("\"{{ demo_people | map(attribute='name') }}\""),
        judge("[demo_password, demo_people]"),
        judge('"{{ demo_names }}"'),
    ],
)
def test_let_be(tasks: str, tmp_path: Path) -> None:
    assert found(tmp_path, tasks) == []


def test_a_secret_that_a_playbook_puts_into_an_option_makes_the_option_secret(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    secret = "- mediverse.pacs.site_secrets: {site: x}\n  register: site\n"
    (tmp_path / "playbooks" / "play.yml").write_text(secret)
    (tmp_path / "playbooks" / "vars.yml").write_text('demo_names: ["a {{ site.secrets.b }}"]\n')
    assert len(found(tmp_path, judge('"{{ demo_names }}"'))) == 1


def test_the_collection_has_none() -> None:
    assert list(problems(ROOT)) == []
