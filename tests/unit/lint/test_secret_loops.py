# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that nothing loops over what must not be shown: what it refuses, by any name, and what it lets be."""

from __future__ import annotations

import textwrap
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
        # until, on either side.
        ASK + "  until: __demo_seen is success\n  retries: 3" + judge('"{{ __demo_seen.results }}"'),
        ASK + judge('"{{ __demo_seen.results }}"', "  until: __demo_one is success\n  register: __demo_one"),
        # with_ of every kind.
        *(
            ASK + f"\n- ansible.builtin.debug: {{msg: x}}\n  with_{kind}: {what}"
            for kind, what in (
                ("dict", "'{{ __demo_seen.results[0] }}'"),
                ("subelements", "['{{ __demo_seen.results }}', json]"),
                ("nested", "[[a, b], '{{ __demo_seen.results }}']"),
                ("together", "[[a], '{{ __demo_seen.results }}']"),
                ("indexed_items", "'{{ demo_people }}'"),
                ("community.general.flattened", "['{{ demo_password }}']"),
            )
        ),
        # Handed on to what is included, and looped over there.
        *(
            ASK + given + judge('"{{ demo_names }}"')
            for given in (
                "\n- ansible.builtin.include_tasks: x.yml\n  vars: {demo_names: '{{ __demo_seen.results }}'}",
                "\n- ansible.builtin.include_role: {name: x}\n  vars: {demo_names: '{{ __demo_seen.results }}'}",
                "\n- ansible.builtin.include_tasks:\n    file: x.yml\n"
                "    apply: {vars: {demo_names: '{{ __demo_seen.results }}'}}",
                "\n- vars: {demo_names: '{{ __demo_seen.results }}'}\n"
                "  block:\n    - ansible.builtin.import_tasks: x.yml",
            )
        ),
        # set_fact in all its forms, item by item and in two steps.
        ASK + "\n- ansible.builtin.set_fact: __demo_x={{ __demo_seen.results }}" + judge('"{{ __demo_x }}"'),
        ASK + "\n- set_fact:\n  args: {__demo_x: '{{ __demo_seen.results }}'}" + judge('"{{ __demo_x }}"'),
        ASK
        + "\n- ansible.builtin.set_fact: {__demo_x: '{{ __demo_x | default([]) + [item.json] }}'}\n"
        + "  loop: '{{ __demo_seen.results }}'\n  no_log: true"
        + judge('"{{ __demo_x }}"'),
        ASK
        + "\n- ansible.builtin.set_fact: {__demo_x: '{{ [one] }}'}\n"
        + "  loop: '{{ demo_people }}'\n  loop_control: {loop_var: one}\n  no_log: true"
        + judge('"{{ __demo_x }}"'),
        ASK
        + "\n- ansible.builtin.set_fact: {__demo_x: '{{ __demo_seen }}'}"
        + "\n- ansible.builtin.set_fact: {__demo_y: '{{ __demo_x.results }}'}"
        + judge('"{{ __demo_y }}"'),
        # By a name in a text.
        *(
            ASK + judge(f'"{{{{ {way} }}}}"')
            for way in (
                "vars['__demo_seen'].results",
                "hostvars[inventory_hostname].__demo_seen.results",
                "hostvars.other['__demo_seen']['results']",
                "lookup('ansible.builtin.vars', '__demo_seen').results",
                "query('vars', '__demo_seen')",
                "ansible_play_hosts | map('extract', hostvars, ['__demo_seen', 'results']) | flatten",
            )
        ),
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
        ASK
        + "\n- ansible.builtin.debug: {msg: x}\n  until: __demo_seen is success\n  register: __demo_one"
        + judge('"{{ __demo_one.results }}"'),
        ASK + "\n- ansible.builtin.debug: {msg: x}\n  with_sequence: 'count={{ __demo_seen.results | length }}'",
        ASK + "\n- ansible.builtin.debug: {msg: x}\n  with_items: '{{ demo_names }}'",
        ASK + "\n- ansible.builtin.include_role: {name: x}\n  vars: {demo_y: '{{ __demo_seen.results }}'}"
        "\n  no_log: true" + judge('"{{ demo_names }}"'),
        ASK + "\n- ansible.builtin.set_fact: __demo_x={{ __demo_seen.results | length }}" + judge('["{{ __demo_x }}"]'),
        ASK + "\n- ansible.builtin.set_fact: {__demo_x: '{{ __demo_x + [7] }}'}\n"
        "  loop: '{{ __demo_seen.results }}'\n  no_log: true" + judge('"{{ __demo_x }}"'),
        ASK + judge("\"{{ demo_names | reject('eq', '__demo_seen') }}\""),
        ASK + judge("\"{{ hostvars['__demo_seen'].other }}\""),
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


@pytest.mark.parametrize(
    ("brought_in", "hidden"),
    [
        ("ansible.builtin.import_tasks: look.yml\n  no_log: true", True),
        ("ansible.builtin.import_role: {name: demo, tasks_from: look}\n  no_log: true", True),
        ("ansible.builtin.import_role: {name: acme.own.demo, tasks_from: look.yml}\n  no_log: true", True),
        ("ansible.builtin.include_tasks: {file: look.yml, apply: {no_log: true}}", True),
        ("block:\n    - ansible.builtin.import_tasks: look.yml\n  no_log: true", True),
        ("ansible.builtin.import_tasks: look.yml", False),
        # An include keeps its own no_log to itself.
        ("ansible.builtin.include_tasks: look.yml\n  no_log: true", False),
    ],
)
def test_the_tasks_of_another_file_are_hidden_by_who_imports_them(
    tmp_path: Path, brought_in: str, hidden: bool
) -> None:
    tasks = tmp_path / "roles" / "demo" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "look.yml").write_text("- ansible.builtin.command: {argv: [x]}\n  register: __demo_one\n")
    loop = judge('"{{ __demo_one.stdout_lines }}"')
    (tasks / "main.yml").write_text(f"- {brought_in}\n{loop}")
    assert len(list(problems(tmp_path))) == hidden


@pytest.mark.parametrize("given", ["demo_names: '{{ seen.results }}'", "vars: {demo_names: '{{ seen.results }}'}"])
def test_a_play_hands_it_to_a_role(tmp_path: Path, given: str) -> None:
    (tmp_path / "playbooks").mkdir()
    ask = textwrap.indent(ASK.replace("__demo_seen", "seen"), "    ")
    play = f"- hosts: all\n  pre_tasks:{ask}  roles:\n    - role: demo\n      {given}\n"
    (tmp_path / "playbooks" / "play.yml").write_text(play)
    assert len(found(tmp_path, judge('"{{ demo_names }}"'))) == 1


def test_the_collection_has_none() -> None:
    assert list(problems(ROOT)) == []
