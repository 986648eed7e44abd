@echo off
rem Show the course in the browser, by double click.
cd /d "%~dp0"
where py >nul 2>nul
if %errorlevel% equ 0 (
  py -3 start.py
) else (
  where python >nul 2>nul
  if errorlevel 1 (
    echo Python 3 is missing: install it from python.org.
  ) else (
    python start.py
  )
)
pause
