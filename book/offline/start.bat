@echo off
rem Show the course in the browser, by double click.
if not exist "%~dp0site\index.html" (
  echo Unpack the whole archive first, then start this file there.
  pause
  exit /b 1
)
rem A Python that only offers to install one is found, but does not run.
set "PYTHON="
for %%p in ("py -3" "python" "python3") do (
  if not defined PYTHON (
    %%~p -c "import sys; sys.exit(sys.version_info < (3, 8))" >nul 2>nul && set "PYTHON=%%~p"
  )
)
if defined PYTHON (
  %PYTHON% "%~dp0start.py"
) else (
  echo Python 3.8 or newer is missing: install it from python.org, then start this file again.
)
pause
