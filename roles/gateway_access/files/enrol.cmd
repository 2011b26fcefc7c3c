@echo off
rem Copyright: mediverse.pacs contributors
rem GNU General Public License v3.0+ (see LICENSE)
rem SPDX-License-Identifier: GPL-3.0-or-later
rem
rem The double click: asks for an administrator's rights, runs enrol.ps1 of the same folder, and stays open.
rem "enrol.cmd -Remove" takes everything back. Paths go through the environment, so that no letter in them counts.
rem No labels: cmd.exe does not find them where lines end as they do in this repository.
setlocal DisableDelayedExpansion
set "MEDIVERSE_STICK=%~dp0"
set "MEDIVERSE_SELF=%~f0"
set "MEDIVERSE_REMOVE="
set "MEDIVERSE_ADMINISTRATOR="
if /i "%~1"=="-Remove" set "MEDIVERSE_REMOVE=-Remove"
rem A 32 bit program that starts this file sees other system files; this name leads it to the real ones.
set "MEDIVERSE_SYSTEM=%SystemRoot%\System32"
if exist "%SystemRoot%\Sysnative\cmd.exe" set "MEDIVERSE_SYSTEM=%SystemRoot%\Sysnative"
set "MEDIVERSE_SHELL=%MEDIVERSE_SYSTEM%\WindowsPowerShell\v1.0\powershell.exe"
"%MEDIVERSE_SYSTEM%\whoami.exe" /groups | "%MEDIVERSE_SYSTEM%\findstr.exe" "S-1-16-12288 S-1-16-16384" >nul && set "MEDIVERSE_ADMINISTRATOR=yes"
if not defined MEDIVERSE_ADMINISTRATOR "%MEDIVERSE_SHELL%" -NoProfile -ExecutionPolicy Bypass -Command "$more = @{}; if ($env:MEDIVERSE_REMOVE) { $more.ArgumentList = $env:MEDIVERSE_REMOVE }; try { Start-Process -FilePath $env:MEDIVERSE_SELF -Verb RunAs @more } catch { Write-Host 'Windows gave no rights of an administrator; start enrol.cmd again and confirm its question.'; exit 1 }" || pause
if not defined MEDIVERSE_ADMINISTRATOR exit /b
"%MEDIVERSE_SHELL%" -NoProfile -ExecutionPolicy Bypass -Command "if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') { Write-Host 'An application control of this PC restricts PowerShell, and the playbooks need it whole; ask the IT of the hospital to take this PC out of it.'; exit 1 }; $remove = $env:MEDIVERSE_REMOVE -eq '-Remove'; & ([scriptblock]::Create([IO.File]::ReadAllText($env:MEDIVERSE_STICK + 'enrol.ps1'))) -Stick $env:MEDIVERSE_STICK -Remove:$remove"
set "MEDIVERSE_CODE=%ERRORLEVEL%"
echo.
pause
exit /b %MEDIVERSE_CODE%
