# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests with real servers are made of: containers, networks, Orthanc as the product configures it, images."""
