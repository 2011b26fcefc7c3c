# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of DigitalOcean's API: a small HTTP server with state, as strict as the real one where it is known.

It needs Python's standard library. :class:`.world.World` is the account, :func:`.server.serving` puts it on a port.
"""
