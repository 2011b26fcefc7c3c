@echo off
rem Copyright: mediverse.pacs contributors
rem GNU General Public License v3.0+ (see LICENSE)
rem SPDX-License-Identifier: GPL-3.0-or-later
rem
rem A double click tests this PC as a gateway. Only an administrator may ask Orthanc, so Windows asks first; after a No the
rem test runs all the same and knows less. The script is read as a text, because a policy may refuse script files.
rem No labels: cmd.exe does not find them where lines end as they do in this file.
rem Ends with the number of red lines, or with 255 when the test itself failed.
setlocal
set "MEDIVERSE_CMD=%~f0"
set "MEDIVERSE_SELFTEST=%~dp0selftest.ps1"
set "MEDIVERSE_PS=%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe"
set "MEDIVERSE_ASK=yes"
if not "%~1"=="" set "MEDIVERSE_ASK="
if defined MEDIVERSE_ASK fltmc >nul 2>&1 && set "MEDIVERSE_ASK="
if defined MEDIVERSE_ASK "%MEDIVERSE_PS%" -NoProfile -Command "try { Start-Process -FilePath $env:MEDIVERSE_CMD -ArgumentList elevated -Verb RunAs } catch { exit 1 }" && exit /b 0
set "MEDIVERSE_OPTIONS=%*"
if "%~1"=="elevated" set "MEDIVERSE_OPTIONS="
"%MEDIVERSE_PS%" -NoProfile -ExecutionPolicy Bypass -Command "try { $text = Get-Content -LiteralPath $env:MEDIVERSE_SELFTEST -Raw -ErrorAction Stop; & ([scriptblock]::Create($text)) %MEDIVERSE_OPTIONS% } catch { Write-Host -ForegroundColor Red ('The self-test itself failed (' + $_.Exception.GetBaseException().GetType().Name + '). Read this to the operator: ' + $env:MEDIVERSE_SELFTEST); exit 255 }"
set "MEDIVERSE_RED=%ERRORLEVEL%"
if "%MEDIVERSE_OPTIONS%"=="" pause
exit /b %MEDIVERSE_RED%
