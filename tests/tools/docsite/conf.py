# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the site that ``make docs`` builds. Nothing is fetched, so it is the same everywhere."""

from __future__ import annotations

import re
from typing import Any

project = "mediverse.pacs"
copyright = "mediverse.pacs contributors"
html_title = html_short_title = "mediverse.pacs"

extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_theme_options = {
    "topbar_links": {"Repository": "https://github.com/mediverse/pacs"},
    "documentation_home_url": "https://github.com/mediverse/pacs",
    "navigation_depth": 2,
    "show_rtd_ethical_ads": False,
    "show_extranav": False,
}
html_static_path = ["static"]
html_css_files = ["own.css"]
html_show_sphinx = False
html_use_index = False
html_copy_source = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"

_ANSIBLE = "https://docs.ansible.com/projects/ansible/latest"
# Pages of Ansible's own that antsibull-docs refers to by a label.
_PAGES = {
    "action_plugins": "plugins/action.html",
    "callback_plugins": "plugins/callback.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "list_of_collections": "collections/index.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
_PLUGIN = re.compile(r"ansible_collections\.(?!mediverse\.)(\w+)\.(\w+)\.(\w+)")


def _address(label: str) -> str | None:
    """Where Ansible's documentation has a label, which antsibull-docs makes of a plugin's name by rule."""
    if label in _PAGES:
        return f"{_ANSIBLE}/{_PAGES[label]}"
    plugin = _PLUGIN.fullmatch(label)
    return f"{_ANSIBLE}/collections/{plugin[1]}/{plugin[2]}/{plugin[3]}.html" if plugin else None


def _refer(app: Any, env: Any, node: Any, content: Any) -> Any:
    """A link to Ansible's documentation; what is not there either stays unknown, and so ends the build."""
    from docutils import nodes

    address = _address(node.get("reftarget", ""))
    return nodes.reference("", "", content, internal=False, refuri=address) if address else None


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("missing-reference", _refer)
