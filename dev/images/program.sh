# Have a command run a package that is in /opt/deputy/source; runs inside an image's build.
#
#     sh program.sh COMMAND PACKAGE
#
# All of it is in /opt/deputy/program afterwards, laid out as it goes over the virtual environment.
set -eu
packages=$(echo /opt/deputy/lib/python3*/site-packages)
program=/opt/deputy/program
mkdir -p "$program/bin" "$program/${packages#/opt/deputy/}"
echo /opt/deputy/source >"$program/${packages#/opt/deputy/}/deputy.pth"
printf '#!/opt/deputy/bin/python\nfrom %s.__main__ import main\n\nraise SystemExit(main())\n' "$2" \
    >"$program/bin/$1"
chmod +x "$program/bin/$1"
# At run time nobody may write beside the source.
/opt/deputy/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/deputy/source
mv /opt/deputy/source "$program/source"
