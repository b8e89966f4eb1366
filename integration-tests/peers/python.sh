#!/bin/sh
# A Python with the packages that peers need, in a virtual environment of its own; prints where its interpreter is.
#
#   python.sh FOLDER PACKAGE==VERSION...
#
# It is made once, and again where it lacks a package.
set -eu
folder=$1
shift
python=$folder/bin/python
if [ ! -x "$python" ]; then
    python3 -m venv "$folder" >&2
fi
have=$("$python" -m pip freeze 2>/dev/null)
for package in "$@"; do
    if ! echo "$have" | grep -iqx "$package"; then
        "$python" -m pip install --quiet --disable-pip-version-check "$package" >&2
    fi
done
echo "$python"
