@echo off
rem Copyright: mediverse.pacs contributors
rem GNU General Public License v3.0+ (see LICENSE)
rem SPDX-License-Identifier: GPL-3.0-or-later
rem
rem What stands on the desktop of everybody; the test itself lies where only administrators may change it.
"C:\Program Files\Mediverse\selftest.cmd" %*
