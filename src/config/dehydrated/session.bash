# Evaluates a configuration under dehydrated's conditions, and tells what came of it.
#
# Requests are words that end in a zero byte, read from descriptor $2; answers are written to descriptor $3 and end with
# the word "end". The configuration itself has neither descriptor, so that nothing it starts can keep them open. This
# script comes from descriptor $1; $4 is what the configuration is to see as $0.

set -e
set -u
set -o pipefail
shopt -s nullglob
set -f
umask 077
exec 3>&- 4>&-

eval "
exec $1<&-
__hydrant_word() { IFS= builtin read -r -d '' -u $2 \"\$1\"; }
__hydrant_say() { builtin printf '%s\\0' \"\$@\" >&$3; }
__hydrant_source() { . \"\$__hydrant_file\" $2<&- $3>&-; }
__hydrant_text() { \"\$@\" >&$3; }
"
BASH_ARGV0=$4
set --

# Every variable with its value; functions as well if $1 says so.
__hydrant_dump() {
  local __hydrant_name __hydrant_names __hydrant_exported __hydrant_body IFS=$'\n'
  __hydrant_exported=$'\n'$(builtin compgen -e)$'\n'
  __hydrant_names=$(builtin compgen -v)
  for __hydrant_name in $__hydrant_names; do
    case $__hydrant_name in
      BASH_VERSION) ;;
      __hydrant_*|IFS|BASH_*|FUNCNAME|PIPESTATUS|LINENO|RANDOM|SRANDOM|SECONDS|EPOCH*|_) continue ;;
    esac
    if [ -n "${!__hydrant_name+set}" ]; then
      case $__hydrant_exported in
        *$'\n'"$__hydrant_name"$'\n'*) __hydrant_say exported "$__hydrant_name" "${!__hydrant_name}" ;;
        *) __hydrant_say variable "$__hydrant_name" "${!__hydrant_name}" ;;
      esac
    fi
  done
  [ "$1" = functions ] || return 0
  __hydrant_names=$(builtin compgen -A function)
  for __hydrant_name in $__hydrant_names; do
    case $__hydrant_name in
      __hydrant_*) ;;
      *) __hydrant_say function "$__hydrant_name" ;;
    esac
  done
  __hydrant_names=$(builtin declare -Fx)
  for __hydrant_name in $__hydrant_names; do
    __hydrant_name=${__hydrant_name##* }
    __hydrant_body=$(builtin declare -f "$__hydrant_name")
    __hydrant_say program "$__hydrant_name" "() ${__hydrant_body#*$'\n'}"
  done
  __hydrant_say umask "$(umask)" directory "$PWD"
}

# A script that puts all variables and functions in their places, and then calls the function $1.
__hydrant_script() {
  local __hydrant_name __hydrant_names __hydrant_exported IFS=$'\n'
  builtin printf '%s\n' '#!/usr/bin/env bash'
  for __hydrant_name in $(builtin shopt -p); do
    case $__hydrant_name in
      *login_shell|*restricted_shell) ;;
      *) builtin printf '%s\n' "$__hydrant_name" ;;
    esac
  done
  __hydrant_exported=$'\n'$(builtin compgen -e)$'\n'
  __hydrant_names=$(builtin compgen -v)
  for __hydrant_name in $__hydrant_names; do
    case $__hydrant_name in
      __hydrant_*|IFS|BASH*|COMP_*|DIRSTACK|EPOCH*|EUID|FUNCNAME|GROUPS|LINENO|OPTERR|OPTIND|PIPESTATUS|PPID|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID|_) continue ;;
    esac
    case $__hydrant_exported in
      *$'\n'"$__hydrant_name"$'\n'*) continue ;;
    esac
    # What the environment of a call says comes first.
    builtin printf '[ -n "${%s+set}" ] || ' "$__hydrant_name"
    builtin declare -p "$__hydrant_name"
  done
  __hydrant_names=$(builtin compgen -A function)
  for __hydrant_name in $__hydrant_names; do
    case $__hydrant_name in
      __hydrant_*) ;;
      *) builtin declare -f "$__hydrant_name" ;;
    esac
  done
  # Under dehydrated a function sees these of the line that is worked on.
  builtin printf '%s\n' \
    'if [ -n "${alias+set}" ]; then' \
    '  certdir="${CERTDIR-}/$alias"' \
    '  domain="${altnames-}"; domain="${domain%% *}"' \
    '  [ "${1-}" != deploy_cert ] || timestamp="${7-}"' \
    'fi' \
    'set -u -f -o pipefail'
  builtin printf '%q "$@" || exit "$?"\n' "$1"
}

while __hydrant_word __hydrant_request; do
  case $__hydrant_request in
    set)
      __hydrant_word __hydrant_name
      __hydrant_word __hydrant_value
      builtin printf -v "$__hydrant_name" %s "$__hydrant_value"
      ;;
    source)
      __hydrant_word __hydrant_file
      __hydrant_source
      __hydrant_say end
      ;;
    globbing)
      set +f
      ;;
    no-globbing)
      set -f
      ;;
    state)
      __hydrant_dump functions
      __hydrant_say end
      ;;
    certificate)
      __hydrant_word __hydrant_file
      (
        set +e
        __hydrant_source
        __hydrant_dump variables
      ) || :
      __hydrant_say end
      ;;
    script)
      __hydrant_word __hydrant_name
      __hydrant_say script
      __hydrant_text __hydrant_script "$__hydrant_name"
      __hydrant_say '' end
      ;;
  esac
done
