#!/bin/sh
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Starts the command line of $1 on its own, without a pipe of the caller's, and prints its number.
exec 3>&1
eval "set -- $1"
setsid "$@" </dev/null >/dev/null 2>&1 3>&- &
echo $! >&3
