# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WinRM endpoint that behaves towards Ansible like one Windows gateway of the lab (see README.md)."""
