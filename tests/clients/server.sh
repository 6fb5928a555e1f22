# shellcheck shell=bash
# The server that the clients meet: Steward, or with --peer a PostgreSQL 15. Each is new, in a folder that goes away, with
# passwords made for this run. Sourced by `run`.
#
# After start_steward or start_peer: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, ANALYST_PASSWORD, TLS_CERT and PEER
# are exported, and $server is the process.

# Letters and digits that nobody can guess.
random_password() {
    head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9'
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Nothing of the caller's own settings may reach a client.
clean_environment() {
    local name
    for name in $(compgen -e PG); do unset "$name"; done
    export PGHOST=127.0.0.1 PGUSER=steward PGDATABASE=shop TZ=UTC LC_ALL=C.UTF-8 LANG=C.UTF-8
    PGPASSWORD=$(random_password) ANALYST_PASSWORD=$(random_password) PGPORT=$(free_port)
    export PGPASSWORD ANALYST_PASSWORD PGPORT
    (umask 077 && printf '%s\n' "$PGPASSWORD" >"$work/password")
}

# A certificate for this run, which is its own authority. TLS_CERT tells the clients where it is.
make_certificate() {
    export TLS_CERT="$work/server.crt"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$work/server.key" -out "$TLS_CERT" >"$work/server.log" 2>&1
    chmod 600 "$work/server.key"
}

# Waits until the server takes connections, for at most a minute.
await_server() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        "$PSQL" -X -At -d "$1" -c 'SELECT 1' >/dev/null 2>&1 && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    echo "the server does not answer:" >&2
    tail -20 "$work/server.log" >&2
    return 1
}

start_steward() {
    export PEER=0
    local tls=()
    ! "$steward" serve --help | grep -q -e --tls-cert || tls=(--tls-cert "$TLS_CERT" --tls-key "$work/server.key")
    "$steward" init --data "$work/data" --user "$PGUSER" --password-file "$work/password" --database "$PGDATABASE" >"$work/server.log" 2>&1 ||
        { cat "$work/server.log" >&2; return 1; }
    "$steward" serve --data "$work/data" --listen "$PGHOST:$PGPORT" "${tls[@]}" >>"$work/server.log" 2>&1 </dev/null &
    server=$!
    await_server "$PGDATABASE"
}

# PostgreSQL does not run as root: $as puts before a command what makes it run as "postgres", whom its package makes, or as
# "nobody".
set_unprivileged() {
    as=()
    [[ "$(id -u)" == 0 ]] || return 0
    owner=$(id -u postgres 2>/dev/null || id -u nobody)
    as=(setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups)
}

start_peer() {
    export PEER=1
    local bin=/usr/lib/postgresql/15/bin as owner
    set_unprivileged
    mkdir "$work/peer"
    chmod 711 "$work"
    cp "$work/password" "$work/server.key" "$TLS_CERT" "$work/peer/"
    [[ ${#as[@]} == 0 ]] || chown -R "$owner" "$work/peer"
    cd "$work/peer"
    "${as[@]}" "$bin/initdb" -D data -U "$PGUSER" -E UTF8 --locale=C.UTF-8 -A scram-sha-256 --pwfile=password >"$work/server.log" 2>&1 ||
        { cat "$work/server.log" >&2; return 1; }
    "${as[@]}" "$bin/postgres" -D data -h "$PGHOST" -p "$PGPORT" -k "$work/peer" -c fsync=off -c timezone=UTC \
        -c ssl=on -c ssl_cert_file="$work/peer/server.crt" -c ssl_key_file="$work/peer/server.key" \
        >>"$work/server.log" 2>&1 </dev/null &
    server=$!
    cd "$here"
    await_server postgres && "$PSQL" -X -q -d postgres -c "CREATE DATABASE $PGDATABASE"
}

stop_server() {
    [[ -n "${server:-}" ]] || return 0
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
}
