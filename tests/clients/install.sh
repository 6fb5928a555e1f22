# shellcheck shell=bash
# What each client needs, by package name, outside of the checkout: Debian packages, a Python environment for the drivers and
# one for dbt, Node packages. A second run finds them there. Sourced by `run`.
#
# need_NAME makes the client ready, or fails with the cause in $reason.

cache="${STEWARD_CLIENTS_CACHE:-$HOME/.cache/steward/clients}"

# One installation may take so long, and all of them together; what is not there then is not run.
one_seconds=240 all_seconds=600

# Runs a command of an installation, for at most the seconds that are left; what it prints goes to a log.
quietly() {
    local begun=$SECONDS code=0 limit=$((one_seconds < all_seconds ? one_seconds : all_seconds))
    timeout "$((limit > 0 ? limit : 1))" "$@" </dev/null >"$work/install.log" 2>&1 || code=$?
    ((all_seconds -= SECONDS - begun)) || true
    return "$code"
}

# Why the last command of `quietly` failed, in one line.
because() {
    local last
    last=$(grep -iE 'error|unable|fatal|not found' "$work/install.log" | head -1 || true)
    echo "$1${last:+ ($last)}" | cut -c 1-200
}

# Debian packages, unless they are there.
debian() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
        reason="please install: ${missing[*]}"
        return 1
    fi
    [[ -e "$work/updated" ]] || { quietly apt-get update -qq && touch "$work/updated"; } || true
    DEBIAN_FRONTEND=noninteractive quietly apt-get install -y -qq --no-install-recommends "${missing[@]}" || {
        reason=$(because "apt-get cannot install ${missing[*]}")
        return 1
    }
}

# A Python environment with packages; what is in it is written beside it, so that a changed range is installed anew.
python_packages() {
    local folder="$cache/$1"
    shift
    if [[ ! -x "$folder/bin/python" ]]; then
        python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv || return 1
        quietly python3 -m venv "$folder" || { reason=$(because "python3 cannot make an environment"); return 1; }
    fi
    grep -qxF "$*" "$folder/installed" 2>/dev/null && return
    quietly "$folder/bin/pip" install --disable-pip-version-check --retries 2 "$@" || { reason=$(because "pip cannot install $*"); return 1; }
    echo "$*" >>"$folder/installed"
}

need_psql() {
    PSQL=/usr/lib/postgresql/15/bin/psql
    [[ -x "$PSQL" ]] || debian postgresql-client-15 || return 1
    export PSQL
}

need_psycopg3() { python_packages python 'psycopg[binary]>=3.2,<3.4'; }
need_psycopg2() { python_packages python 'psycopg2-binary>=2.9,<2.10'; }
need_asyncpg() { python_packages python 'asyncpg>=0.30,<0.32'; }
need_sqlalchemy() { need_psycopg2 && python_packages python 'sqlalchemy>=2.0.36,<2.2' 'pandas>=2.2,<3.2'; }
need_sqlalchemy3() { need_sqlalchemy && need_psycopg3; }
need_odbc() { debian unixodbc odbc-postgresql && python_packages python 'pyodbc>=5.1,<5.4'; }

# dbt has an environment of its own: it pins what others want newer. Its 2.x fetches a program from elsewhere.
need_dbt() { python_packages dbt 'dbt-core>=1.9,<1.11' 'dbt-postgres>=1.9,<1.11'; }

jdbc_driver=/usr/share/java/postgresql.jar
need_jdbc() {
    debian libpostgresql-jdbc-java || return 1
    command -v javac >/dev/null || debian openjdk-17-jdk-headless || return 1
    quietly javac -cp "$jdbc_driver" -d "$work/jdbc" "$here"/jdbc/*.java || { reason=$(because "javac cannot compile the steps"); return 1; }
}

need_node() {
    local packages=(pg@8 pg-cursor@2 postgres@3 knex@3 sequelize@6 pg-hstore@2 typeorm@0.3 reflect-metadata@0.2)
    command -v npm >/dev/null || { reason="npm is missing"; return 1; }
    grep -qxF "${packages[*]}" "$cache/node/installed" 2>/dev/null && return
    mkdir -p "$cache/node"
    quietly npm install --prefix "$cache/node" --no-audit --no-fund --no-save --fetch-retries 1 --fetch-timeout 60000 "${packages[@]}" || { reason=$(because "npm cannot install"); return 1; }
    echo "${packages[*]}" >"$cache/node/installed"
}
