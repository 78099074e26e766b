#!/usr/bin/env bash
# Make passwords, an authority and its certificates in a folder, each where it is missing.
#
# An operator who has certificates puts them there instead: authority.pem, dask.pem, dask.key and
# nginx.pem, nginx.key, all in tls/. The authority's own key signs no more once these are made, and is removed.
set -euo pipefail
umask 077
mkdir -p "$1/tls"
cd "$1"

[ -e passwords.env ] || {
    printf 'POSTGRES_PASSWORD=%s\nS3_PASSWORD=%s\n' \
        "$(openssl rand -hex 24)" "$(openssl rand -hex 24)" >passwords.new
    mv passwords.new passwords.env
}
[ ! -e tls/dask.pem ] || [ ! -e tls/nginx.pem ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
made() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" 2>/dev/null; }
made -x509 -days 1825 -subj '/CN=vadose authority' -keyout "$work/authority.key" \
    -out "$work/authority.pem" -addext 'keyUsage=critical,keyCertSign,cRLSign'
for name in dask nginx; do
    host=$([ "$name" = dask ] && echo scheduler || echo localhost)
    made -subj "/CN=$host" -keyout "$work/$name.key" -out "$work/$name.csr"
    openssl x509 -req -days 825 -in "$work/$name.csr" -CA "$work/authority.pem" \
        -CAkey "$work/authority.key" -CAcreateserial -out "$work/$name.pem" \
        -extfile <(printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$host") \
        2>/dev/null
done
# Containers read them as users of their own; on the host the folder above lets nobody else in.
chmod 644 "$work"/{authority,dask,nginx}.pem "$work"/{dask,nginx}.key
chmod 755 tls
mv "$work"/{authority,dask,nginx}.pem "$work"/{dask,nginx}.key tls
