#!/bin/bash
# Sourced by tests/run and examples/quickstart/run: installs what packages.txt lists. Needs bash.
# Usage: install_packages ROOT GROUP...

# Names of the given groups in packages.txt that are not installed.
missing_packages() {
    local list=$1/packages.txt name group rest wanted
    shift
    while read -r name group rest; do
        [[ -z $name || $name == '#'* ]] && continue
        for wanted in "$@"; do
            if [[ $group == "$wanted" ]] &&
                [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then
                echo "$name"
            fi
        done
    done <"$list"
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -eq 0 ]] && return 0
    if [[ $(id -u) -ne 0 ]]; then
        echo "these packages are missing, and installing them needs root: ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update >&2 &&
        apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "${missing[@]}" >/dev/null </dev/null
}
