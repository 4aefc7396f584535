#!/bin/bash
# Records what it is called with, for tests of the hook contract: one block a call, appended to RECORD.
#
#   call deploy_challenge
#   argument a.example          one line an argument, quoted as bash's printf %q does
#   directory /srv/hydrant
#   umask 0077
#   stdin closed|empty|terminal|N bytes
#   environment NAME=VALUE      those whose names match the pattern RECORD_ENVIRONMENT, sorted
#   end
#
# Other knobs: RECORD_THEN, a program that is called with the same arguments afterwards and whose exit code
# is given; RECORD_EXIT_<operation>, an exit code.
set -u

{
    printf 'call %q\n' "${1-}"
    for argument in "${@:2}"; do printf 'argument %q\n' "$argument"; done
    printf 'directory %q\n' "$PWD"
    printf 'umask %s\n' "$(umask)"
    if [ ! -e /proc/self/fd/0 ]; then
        echo 'stdin closed'
    elif [ -t 0 ]; then
        echo 'stdin terminal'
    else
        bytes=$(timeout 1 wc -c)
        if [ "${bytes:-0}" = 0 ]; then echo 'stdin empty'; else echo "stdin $bytes bytes"; fi
    fi
    compgen -e | sort | while read -r name; do
        if [[ $name =~ ^(${RECORD_ENVIRONMENT:-HYDRANT_.*})$ ]]; then printf 'environment %s=%q\n' "$name" "${!name}"; fi
    done
    echo end
} >"$RECORD.$$"
# Calls at the same time are kept apart.
flock "$RECORD.lock" sh -c 'cat "$1" >>"$2" && rm "$1"' sh "$RECORD.$$" "$RECORD"

wanted=RECORD_EXIT_${1-}
if [ -n "${!wanted:-}" ]; then exit "${!wanted}"; fi
if [ -n "${RECORD_THEN:-}" ]; then exec "$RECORD_THEN" "$@"; fi
