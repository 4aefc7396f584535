#!/bin/bash
# Records what it is called with, for tests of the hook contract: one block a call, appended to RECORD.
#
#   call deploy_challenge
#   argument a.example          one line an argument, quoted as bash's printf %q does
#   directory /srv/hydrant
#   umask 0077
#   stdin closed|empty|terminal|open|N bytes
#   environment NAME=VALUE      those whose names match the pattern RECORD_ENVIRONMENT
#   end
#
# Other knobs: RECORD_THEN, a program that is called with the same arguments afterwards and whose exit code
# is given; RECORD_EXIT_<operation>, an exit code. Starts one other program alone (flock), for tests make many calls.
set -u

line() {
    local text
    # The format is this file's own.
    # shellcheck disable=SC2059
    printf -v text "$@"
    block+=$text$'\n'
}

block=
line 'call %q' "${1-}"
for argument in "${@:2}"; do line 'argument %q' "$argument"; done
line 'directory %q' "$PWD"
line 'umask %s' "$(umask)"
if [ ! -e /proc/self/fd/0 ]; then
    line 'stdin closed'
elif [ -t 0 ]; then
    line 'stdin terminal'
else
    LC_ALL=C read -r -d '' -t 1 input
    ended=$?
    if [ $ended -gt 128 ]; then
        line 'stdin open'
    elif [ -z "$input" ]; then
        line 'stdin empty'
    else
        line 'stdin %s bytes' ${#input}
    fi
fi
while read -r name; do
    if [[ $name =~ ^(${RECORD_ENVIRONMENT:-HYDRANT_.*})$ ]]; then line 'environment %s=%q' "$name" "${!name}"; fi
done < <(compgen -e)
line 'end'

# Calls at the same time are kept apart.
exec 9>"$RECORD.lock"
flock 9
printf '%s' "$block" >>"$RECORD"
exec 9>&-

wanted=RECORD_EXIT_${1-}
if [ -n "${!wanted:-}" ]; then exit "${!wanted}"; fi
if [ -n "${RECORD_THEN:-}" ]; then exec "$RECORD_THEN" "$@"; fi
