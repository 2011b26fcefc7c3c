# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a single value may be, said once for the site file, the modules and the validation of the roles.

A rule is a function of one value that returns None, or the rest of a sentence whose subject is the value: a verb, what
is wrong and what is expected, without a full stop, such as ``has 17 characters; expected an AE title of at most 16``.
Callers put the name of the setting before it and, unless it is a secret, the value as :func:`.values.show` writes it.
No rule repeats the value itself, so that a sentence about a secret can be shown.

Rules judge; where a value has more than one spelling, a function beside the rule gives the canonical one.

``values``      text, whole numbers, folders; how a value is shown
``addresses``   hosts, networks, ports, adapters, URLs
``dicom``       AE titles, scanners, manufacturers, names in Orthanc
``logins``      users, passwords, secrets
``containers``  images, networks and memory of containers; ids of sites; packages
``syncthing``   folders, where it listens, whom it lets in
"""
