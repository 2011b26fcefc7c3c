# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of Nginx Proxy Manager for the lab: its documented API with its traps, over a real nginx.

The image copies this package to /opt/proxy-manager/proxy_manager; the unit tests import it as tests.lab.proxy_manager.
It needs Python's standard library, openssl and nginx.
"""
