#!/usr/bin/env bash
# Everything of a release, into dist/: wheel, source archive, checksums, and, where a Docker engine
# answers, the image with its parts list. The version is that of pyproject.toml, and so must be
# those of CITATION.cff, .zenodo.json and compose.yml. Publishing is left to people.
#
# REHEARSAL=1 does without a chapter of the changelog and with changes that are not committed;
# DOCKER_BUILD holds what a building place needs, such as `--network host`.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'vadose: %s\n' "$*" >&2; exit 1; }

version=$(sed -nE 's/^version = "(.*)"/\1/p' pyproject.toml)
grep -qx "version: $version" CITATION.cff || fail "CITATION.cff is not of version $version"
grep -q "\"version\": \"$version\"" .zenodo.json || fail ".zenodo.json is not of version $version"
grep -q "vadose:$version" docker/compose.yml || fail "compose.yml is not of version $version"
if [ -z "${REHEARSAL:-}" ]; then
    grep -q "^## .*$version" CHANGELOG.md || fail "CHANGELOG.md says nothing of version $version"
    [ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
fi

revision=$(git rev-parse HEAD)
# The archives are the same, whenever they are made of a commit.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir -p dist
rm -f "dist/vadose-$version"* dist/SHA256SUMS
hatchling build --target wheel --target sdist --directory dist

if docker info >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    DOCKER_BUILDKIT=1 docker build ${DOCKER_BUILD:-} --file docker/Dockerfile \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        --tag "vadose:$version" .
    docker run --rm --entrypoint cat "vadose:$version" /opt/vadose/sbom/python.cdx.json \
        >"dist/vadose-$version.cdx.json"
    docker save "vadose:$version" | gzip >"dist/vadose-$version.image.tar.gz"
else
    printf 'vadose: no Docker engine answers: dist/ holds no image\n' >&2
fi
(cd dist && sha256sum "vadose-$version"* >SHA256SUMS && cat SHA256SUMS)
